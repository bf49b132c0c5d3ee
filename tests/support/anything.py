"""Any JSON value, for answers that a provider should never send."""

from hypothesis import strategies as st

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)  # more than a float can hold
    | st.floats()
    | st.text(max_size=8)
    | st.just("\ud800"),  # a lone surrogate
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

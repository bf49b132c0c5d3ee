"""The clients of the providers that are called while a request is answered, one module each."""

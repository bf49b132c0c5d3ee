"""Answer the questions: what is cached, what is combined from several of them, and by which name."""

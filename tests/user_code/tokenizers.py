"""Tokenizers as users might write them, right and wrong."""

from __future__ import annotations

NOT_CALLABLE = 3


def split_words(text):
    return text.split()


def count_words(text):
    return len(text.split())


def tuple_of_words(text):
    return tuple(text.split())


def text(text):
    return text


def mapping(text):
    return {"input_ids": text.split()}


def nothing(_text):
    return None


def truth(_text):
    return True


def share(_text):
    return 0.5

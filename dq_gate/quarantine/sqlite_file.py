"""The SQLite file that processes of one machine share: opened late, written by one at a time, left alone by children.

SQLite before 3.51.3 can lose commits when two connections write and checkpoint a write-ahead log at once. So every
write, every checkpoint that follows from it, opening and closing happen under a lock on `<path>.lock`.
"""

from __future__ import annotations

"""Packs are found, parsed and built on their bases; every mistake names its file, line and rule."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from dq_gate.errors import PackError
from dq_gate.packs.compile import compile_pack
from dq_gate.packs.load import load_pack
from dq_gate.packs.shipped import shipped_packs

FIELDS = """
fields:
  query: {type: str}
"""
BASE = """
pack: base
version: 2
unknown_fields: quarantine
fields:
  query: {type: str}
  top_k: {type: int, ge: 1, le: 100}
rules:
  - {id: query.text.first, field: query, check: normalized, repair: nfc}
  - {id: query.text.second, field: query, check: length, max: 10}
"""


@pytest.fixture
def write(tmp_path):
    """Writes a file of the pack's folder and gives its path."""

    def write(text, name="pack.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dedent(text).encode() if isinstance(text, str) else text)
        return path

    return write


def error_of(path):
    with pytest.raises(PackError) as caught:
        compile_pack(path)
    assert "\n" not in str(caught.value)
    return caught.value


def place_of(error):
    return Path(error.path).name, error.line, error.rule_id


# Finding a pack


@pytest.mark.parametrize("name", shipped_packs())
def test_a_shipped_pack_is_found_by_its_name_and_its_version(name):
    pack = load_pack(name)
    assert load_pack(f"{name}@{pack.version}").id == pack.id
    with pytest.raises(PackError, match=f"is at version {pack.version}, not {pack.version + 1}"):
        load_pack(f"{name}@{pack.version + 1}")


def test_a_misspelled_name_gets_the_nearest_one():
    with pytest.raises(PackError, match="no shipped pack 'qury'; did you mean 'query'\\?"):
        load_pack("qury")


def test_alert_rules_are_no_pack():
    assert "alerts" not in shipped_packs()


def test_a_missing_file_is_named(tmp_path):
    error = error_of(tmp_path / "missing.yaml")
    assert place_of(error)[0] == "missing.yaml"
    assert "shipped pack: document, query" in error.reason


def test_a_path_is_a_path_even_when_it_could_be_a_name(write, monkeypatch):
    path = write(f"pack: own\nversion: 1\n{FIELDS}", "query")
    monkeypatch.chdir(path.parent)
    assert load_pack(Path("query")).name == "own"
    assert load_pack("query").name == "query"
    assert load_pack("./query").name == "own"


def test_a_folder_is_no_pack(tmp_path):
    assert "no such pack file" in error_of(tmp_path).reason


# Parsing


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "5\n"])
def test_a_file_without_a_mapping_is_no_pack(write, text):
    assert "is no pack" in error_of(write(text)).reason


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("pack: a\n", 1, "version is missing"),
        ("pack: a\nversion: 1\nrulez: []\n", 3, "unknown key 'rulez'; did you mean 'rules'?"),
        ("pack: a\nversion: one\n", 2, "version: input should be a valid integer"),
        ("pack: a\nversion: true\n", 2, "version: input should be a valid integer"),
        ("pack: a\nversion: 0\n", 2, "version: input should be greater than or equal to 1"),
        ("pack: A b\nversion: 1\n", 1, "pack: string should match pattern"),
        ("pack: a\nversion: 1\nunknown_fields: forbid\n", 3, "'allow', 'warn' or 'quarantine'"),
        ("pack: a\nversion: 1\nfields:\n  q: {type: text}\n", 4, "fields.q.type: input should be 'str', 'int'"),
        ("pack: a\nversion: 1\nfields:\n  q: {}\n", 4, "type is missing"),
        ("pack: a\nversion: 1\nfields:\n  q: {type: str, requird: true}\n", 4, "did you mean 'required'?"),
        (
            "pack: a\nversion: 1\nfields:\n  q: {type: str, required: no}\n",
            4,
            "required: input should be a valid boolean",
        ),
        ("pack: a\nversion: 1\nfields:\n  q: {type: str, one_of: []}\n", 4, "one_of"),
        ('pack: a\nversion: 1\nfields:\n  "a\\nb": {type: str}\n', 4, "a field's name is 1 to 64 bytes of text"),
        (f"pack: a\nversion: 1\nfields:\n  {'é' * 33}: {{type: str}}\n", 4, "a field's name is 1 to 64 bytes of text"),
        ("pack: a\nversion: 1\nfields:\n  '': {type: str}\n", 4, "a field's name is 1 to 64 bytes of text"),
    ],
)
def test_a_mistake_is_told_with_its_line(write, text, line, reason):
    error = error_of(write(text))
    assert place_of(error) == ("pack.yaml", line, None)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("{id: q.text.a, field: query}", "check is missing"),
        ("{id: q.text.a, check: length, min: 1}", "check length judges one field; name it"),
        ("{id: q.text.a, field: query, check: lenght, min: 1}", "unknown check 'lenght'; did you mean 'length'?"),
        ("{id: q.text.a, field: qury, check: not_blank}", "unknown field 'qury'; did you mean 'query'?"),
        ("{id: q.text.a, field: query, check: length, mn: 1}", "unknown key 'mn'; did you mean 'min'?"),
        ("{id: q.text.a, field: query, check: length, min: 1, on_fial: warn}", "did you mean 'on_fail'?"),
        ("{id: q.text.a, field: query, check: length, min: '1'}", "min: input should be a valid integer"),
        ("{id: q.text.a, field: query, check: length, min: -1}", "min: input should be greater than or equal to 0"),
        ("{id: q.text.a, field: query, check: length, min: 5, max: 2}", "min 5 is above max 2"),
        ("{id: q.text.a, field: query, check: length}", "give min, max or both"),
        ("{id: q.text.a, field: query, check: range, ge: 1}", "does not go with type str; it judges: datetime, float"),
        ("{id: q.text.a, field: query, check: matches, pattern: '(?=a)'}", "is no valid expression"),
        ("{id: q.text.a, field: query, check: not_blank, on_fail: drop}", "'quarantine' or 'warn'"),
        ("{id: q.text.a, field: query, check: not_blank, mode: off}", "'enforce' or 'shadow'"),
        ("{id: q.text.a, field: query, check: not_blank, on_error: ignore}", "'quarantine' or 'pass'"),
        ("{id: q.text.a, field: query, check: normalized, repair: nfd}", "unknown repair 'nfd'; did you mean 'nfc'?"),
        ("{id: q.text.a, field: query, check: not_blank, repair: nfc}", "not_blank has no repair"),
        ("{id: q.text.a, field: query, check: not_blank, examples: {passing: [a]}}", "unknown key 'passing'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_told_with_its_line_and_id(write, rule, reason):
    error = error_of(
        write(f"pack: a\nversion: 1\nfields:\n  query: {{type: str}}\nrules:\n  # a comment\n  - {rule}\n")
    )
    assert place_of(error) == ("pack.yaml", 7, "q.text.a")
    assert reason in error.reason


@pytest.mark.parametrize("rule_id", ["'one'", "Query.text", "'a..b'", "5", "'a b.c'", "''"])
def test_a_rules_id_is_noun_noun_condition(write, rule_id):
    path = write(f"pack: a\nversion: 1\n{FIELDS}\nrules:\n  - {{id: {rule_id}, field: query, check: not_blank}}\n")
    assert error_of(path).reason.startswith("rules.id: ")


def test_an_id_that_stands_twice_is_refused_where_it_stands_again(write):
    rule = "{id: query.text.a, field: query, check: not_blank}"
    path = write(f"pack: a\nversion: 1\nfields: {{query: {{type: str}}}}\nrules:\n  - {rule}\n  - {rule}\n")
    error = error_of(path)
    assert place_of(error) == ("pack.yaml", 6, "query.text.a")
    assert "line 5" in error.reason


# Building on bases


def test_a_pack_has_what_its_base_has(write):
    write(BASE, "base.yaml")
    pack = load_pack(write("pack: own\nversion: 1\nextends: [base.yaml]\n"))
    assert (pack.name, pack.version) == ("own", 1)
    assert list(pack.fields) == ["query", "top_k"]
    assert list(pack.rules) == ["query.text.first", "query.text.second"]
    assert pack.on_unknown_fields == "quarantine"


def test_the_same_id_overrides_in_place_and_new_rules_follow(write):
    write(BASE, "base.yaml")
    pack = load_pack(
        write("""\
            pack: own
            version: 1
            extends: [base.yaml]
            fields:
              top_k: {type: float}
            rules:
              - {id: query.text.third, field: query, check: not_blank}
              - {id: query.text.first, field: query, check: length, max: 99}
        """)
    )
    assert list(pack.rules) == ["query.text.first", "query.text.second", "query.text.third"]
    assert pack.rules["query.text.first"].options == {"max": 99}
    assert pack.rules["query.text.first"].spec.repair is None
    assert pack.fields["top_k"][0].le is None


def test_disable_drops_inherited_rules(write):
    write(BASE, "base.yaml")
    pack = load_pack(write("pack: own\nversion: 1\nextends: [base.yaml]\ndisable: [query.text.second]\n"))
    assert list(pack.rules) == ["query.text.first"]


def test_disable_drops_constraints_of_inherited_fields(write):
    write(BASE, "base.yaml")
    path = write("""\
        pack: own
        version: 1
        extends: [base.yaml]
        disable: [field.top_k.le, field.query.required]
    """)
    pack = compile_pack(path)
    assert [rule.id for rule in pack.rules if rule.field == "top_k"] == ["field.top_k.ge"]
    assert pack.plan.fields[0].null_rule is None
    assert pack.plan.fields[1].null_rule is not None


def test_disabling_what_is_not_inherited_is_refused(write):
    write(BASE, "base.yaml")
    path = write("""\
        pack: own
        version: 1
        extends: [base.yaml]
        disable: [query.text.frist]
        rules:
          - {id: query.text.own, field: query, check: not_blank}
    """)
    error = error_of(path)
    assert place_of(error) == ("pack.yaml", 4, None)
    assert "did you mean 'query.text.first'?" in error.reason


def test_a_base_that_says_nothing_of_unknown_fields_changes_nothing(write):
    write(BASE, "strict.yaml")
    write("pack: lax\nversion: 1\nfields: {other: {type: any}}\n", "lax.yaml")
    pack = load_pack(write("pack: own\nversion: 1\nextends: [strict.yaml, lax.yaml]\n"))
    assert pack.on_unknown_fields == "quarantine"
    assert list(pack.fields) == ["query", "top_k", "other"]


def test_unknown_fields_are_warned_of_where_no_file_says_anything(write):
    assert load_pack(write(f"pack: a\nversion: 1\n{FIELDS}")).on_unknown_fields == "warn"


def test_a_path_is_relative_to_the_file_that_names_it(write):
    write(BASE, "shared/deep/base.yaml")
    write("pack: middle\nversion: 1\nextends: [deep/base.yaml]\n", "shared/middle.yaml")
    assert len(load_pack(write("pack: own\nversion: 1\nextends: [shared/middle.yaml]\n")).rules) == 2


def test_a_shipped_pack_can_be_built_on_at_a_version(write):
    version = load_pack("query").version
    path = write(f"pack: own\nversion: 1\nextends: ['query@{version}']\n")
    assert load_pack(path).rules.keys() == load_pack("query").rules.keys()
    error = error_of(write(f"pack: own\nversion: 1\nextends:\n  - query@{version + 1}\n"))
    assert place_of(error) == ("pack.yaml", 4, None)
    assert f"is at version {version}" in error.reason


@pytest.mark.parametrize(("name", "hint"), [("qury", "did you mean 'query'?"), ("missing.yaml", "no such pack file")])
def test_a_missing_base_is_told_where_it_is_named(write, name, hint):
    error = error_of(write(f"pack: own\nversion: 1\nextends:\n  - {name}\n"))
    assert place_of(error) == ("pack.yaml", 4, None)
    assert name in error.reason
    assert hint in error.reason


def test_a_pack_that_builds_on_itself_is_refused(write):
    write("pack: b\nversion: 1\nextends: [./pack.yaml]\n", "b.yaml")
    error = error_of(write("pack: a\nversion: 1\nextends: [b.yaml]\n"))
    assert place_of(error) == ("b.yaml", 3, None)
    assert "builds on it" in error.reason


def test_two_ways_to_the_same_base_are_no_circle(write):
    write(BASE, "base.yaml")
    for name in ("left", "right"):
        write(f"pack: {name}\nversion: 1\nextends: [base.yaml]\n", f"{name}.yaml")
    assert len(load_pack(write("pack: own\nversion: 1\nextends: [left.yaml, right.yaml]\n")).rules) == 2


def test_a_mistake_in_a_base_is_told_with_the_bases_place(write):
    write(BASE + "  - {id: query.text.bad, field: query, check: nothing}\n", "base.yaml")
    error = error_of(write("pack: own\nversion: 1\nextends: [base.yaml]\n"))
    assert place_of(error) == ("base.yaml", 11, "query.text.bad")


def test_a_rule_that_a_new_type_of_its_field_breaks_is_told(write):
    write(BASE, "base.yaml")
    error = error_of(write("pack: own\nversion: 1\nextends: [base.yaml]\nfields: {query: {type: int}}\n"))
    assert place_of(error)[2] == "query.text.first"


# Pattern files


def denying(options):
    return f"""\
        pack: a
        version: 1
        fields: {{query: {{type: str}}}}
        rules:
          - {{id: query.text.deny, field: query, check: not_matches, {options}}}
    """


def test_a_pattern_file_holds_an_expression_a_line(write):
    write(b"\xef\xbb\xbf# denied\r\n\r\nfoo.*bar\r\n  caf\xc3\xa9 \r\n  # more\r\na\xe2\x80\xa8b", "lists/deny.txt")
    pack = load_pack(write(denying("patterns_file: lists/deny.txt, ignore_case: true")))
    assert pack.rules["query.text.deny"].options == {
        "patterns": ["foo.*bar", "café", "a\u2028b"],
        "ignore_case": True,
    }


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        (None, "patterns_file: deny.txt", "deny.txt: cannot be read: No such file"),
        (b"# nothing\n\n", "patterns_file: deny.txt", "deny.txt: holds no expression"),
        (b"a\n(\n", "patterns_file: deny.txt", "expression 2 of 2 is not valid"),
        (b"a\n", "patterns_file: [deny.txt]", "patterns_file must be a path"),
        (b"a\n", "patterns_file: deny.txt, patterns: [b]", "patterns_file and patterns exclude each other"),
    ],
)
def test_a_pattern_file_that_cannot_be_used_is_told_with_its_rule(write, content, options, reason):
    if content is not None:
        write(content, "deny.txt")
    error = error_of(write(denying(options)))
    assert place_of(error) == ("pack.yaml", 5, "query.text.deny")
    assert reason in error.reason


def test_a_pattern_file_that_is_not_utf_8_is_told_with_its_own_line(write):
    write(b"ok\ncaf\xe9\n", "deny.txt")
    assert place_of(error_of(write(denying("patterns_file: deny.txt"))))[:2] == ("deny.txt", 2)


# Digest


def test_the_digest_changes_with_all_that_decides_a_verdict(write):
    def digest(text):
        return load_pack(write(text)).id.digest

    rule = "rules: [{id: query.text.a, field: query, check: length, max: 5}]"
    original = f"pack: a\nversion: 1\n{FIELDS}{rule}\n"
    changed = [
        original.replace("max: 5", "max: 6"),
        original.replace("max: 5", "max: 5, on_fail: warn"),
        original.replace("max: 5", "max: 5, mode: shadow"),
        original.replace("type: str", "type: str, required: false"),
        original.replace("type: str", "type: str, aliases: [q]"),
        original.replace("pack: a", "pack: a\nunknown_fields: allow"),
        original.replace("query.text.a", "query.text.b"),
    ]
    assert len({digest(text) for text in [original, *changed]}) == len(changed) + 1


def test_the_digest_stays_when_only_words_change(write):
    plain = f"pack: a\nversion: 1\n{FIELDS}rules: [{{id: query.text.a, field: query, check: not_blank}}]\n"
    worded = plain.replace("check:", "why: because, examples: {pass: [a], fail: ['']}, check:").replace(
        "type: str", "type: str, description: what they ask"
    )
    one = load_pack(write(plain)).id
    other = load_pack(write("# a comment\n" + worded + "description: words\n")).id
    assert one == other
    assert len(one.digest) == 16


def test_the_digest_is_of_the_resolved_pack(write):
    write(BASE, "base.yaml")
    own = write("pack: own\nversion: 1\nextends: [base.yaml]\n")
    before = load_pack(own).id.digest
    write(BASE.replace("max: 10", "max: 11"), "base.yaml")
    assert load_pack(own).id.digest != before


def test_the_digest_covers_a_pattern_files_content(write):
    write(b"a\n", "deny.txt")
    own = write(denying("patterns_file: deny.txt"))
    before = load_pack(own).id.digest
    write(b"b\n", "deny.txt")
    assert load_pack(own).id.digest != before

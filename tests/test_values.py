"""One contact value at a time: what is taken, what is stored for it, and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.definition.points import iana_zones
from ingest import values
from ingest.values import RefusedValueError
from ingest.values.country import alpha_2_codes
from tests.test_dataset import E_ACUTE, E_AND_ACUTE

INF, NAN = float("inf"), float("nan")
NAIVE = datetime(2026, 5, 1, 10)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


TAKEN: dict[Callable[[object], object], list[tuple[object, object]]] = {
    values.email: [
        (" Ada.Lovelace@Example.COM\t", "ada.lovelace@example.com"),
        (f"Ren{E_AND_ACUTE}@Example.com", f"ren{E_ACUTE}@example.com"),
        ("info@XN--BCHER-KVA.example", "info@bücher.example"),
        ("o'brien+news@mail-1.co.uk", "o'brien+news@mail-1.co.uk"),
        ("a" * 50 + "@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + ".com", None),
    ],
    values.country: [
        *[("DE", "DE"), ("de", "DE"), ("DEU", "DE"), (" deu\n", "DE"), ("Germany", "DE"), ("GERMANY", "DE")],
        *[("UK", "GB"), ("Great Britain", "GB"), ("GB", "GB"), ("USA", "US"), ("U.S.A.", "US"), ("us", "US")],
        *[("United States", "US"), ("United States of America", "US"), ("the United States", "US")],
        *[("Russia", "RU"), ("Russian Federation", "RU"), ("South Korea", "KR"), ("Korea, Republic of", "KR")],
        *[("Turkey", "TR"), ("Türkiye", "TR"), ("Turkiye", "TR"), ("Kosovo", "XK"), ("XK", "XK"), ("xkx", "XK")],
        *[("Côte d'Ivoire", "CI"), ("cote d’ivoire", "CI"), ("Ivory Coast", "CI"), ("Bolivia", "BO"), ("ss", "SS")],
        *[("Federal Republic of Germany", "DE"), ("The Netherlands", "NL"), ("Trinidad & Tobago", "TT")],
        *[("Guinea-Bissau", "GW"), ("guinea bissau", "GW"), ("Niger", "NE"), ("Congo", "CG"), ("DR Congo", "CD")],
    ],
    values.language: [
        *[
            ("en", "en"),
            ("EN", "en"),
            (" en ", "en"),
            ("pt-br", "pt-BR"),
            ("pt_BR", "pt-BR"),
            ("zh_hant_tw", "zh-Hant-TW"),
        ],
        *[("eng", "en"), ("ger-AT", "de-AT"), ("deu", "de"), ("gsw-CH", "gsw-CH"), ("iw", "he"), ("in-ID", "id-ID")],
        *[("es-419", "es-419"), ("sl-ROZAJ-biske", "sl-rozaj-biske"), ("de-CH-1996", "de-CH-1996")],
        *[("zh-yue-HK", "zh-yue-HK"), ("en-US-U-CA-Gregory", "en-US-u-ca-gregory"), ("X-Our-Own", "x-our-own")],
        *[("qaa-Latn", "qaa-Latn"), ("de-x-Work", "de-x-work"), ("i-KLINGON", "i-klingon"), ("EN-gb-OED", "en-GB-oed")],
        *[("sgn-be-fr", "sgn-BE-FR"), ("und", "und"), ("ber", "ber"), ("sr-latn", "sr-Latn")],
    ],
    values.timezone: [
        *[("Europe/Paris", "Europe/Paris"), ("europe/paris", "Europe/Paris"), (" UTC ", "UTC"), ("utc", "UTC")],
        *[("america/port-au-prince", "America/Port-au-Prince"), ("Etc/GMT+5", "Etc/GMT+5"), ("EST5EDT", "EST5EDT")],
    ],
    values.text: [
        *[("", ""), (" a ", " a "), (f"Ren{E_AND_ACUTE}", f"Ren{E_ACUTE}"), ("x" * 65_536, "x" * 65_536)],
        *[(E_AND_ACUTE * 65_536, E_ACUTE * 65_536), ("\U0001f600", "\U0001f600"), ("a\nb", "a\nb")],
    ],
    values.number: [
        *[(1, 1.0), (-2.5, -2.5), (Decimal("12.50"), 12.5), (2**53 + 1, 2.0**53), (10**308, 1e308), (5e-324, 5e-324)],
        *[(Decimal("1e-400"), 0.0)],
    ],
    values.instant: [
        ("2026-05-01T10:00:00Z", NAIVE),
        ("2026-05-01t10:00:00.5z", NAIVE.replace(microsecond=500_000)),
        ("2026-05-01T10:00:00.123Z", NAIVE.replace(microsecond=123_000)),
        ("2026-05-01T10:00:00.123456Z", NAIVE.replace(microsecond=123_456)),
        ("2026-05-01 12:00:00.1234569+02:00", NAIVE.replace(microsecond=123_456)),
        ("1969-12-31T23:59:59.9999999Z", datetime(1969, 12, 31, 23, 59, 59, 999_999)),
        ("0000-12-31T23:30:00-01:00", datetime(1, 1, 1, 0, 30)),
        ("9999-12-31T23:59:59.999999Z", datetime.max),
        (NAIVE.replace(tzinfo=UTC), NAIVE),
        (NAIVE.replace(tzinfo=timezone(timedelta(hours=-9, minutes=-30))), datetime(2026, 5, 1, 19, 30)),
    ],
    values.date: [
        *[("2024-02-29", date(2024, 2, 29)), ("0001-01-01", date.min), ("9999-12-31", date.max)],
        (date(2026, 5, 1), date(2026, 5, 1)),
    ],
    values.boolean: [(True, True), (False, False)],
    values.url: [
        *[(url, url) for url in ("https://example.com", "http://example.com/", "HTTPS://Example.com:8443/a?b=c#d")],
        *[(url, url) for url in ("https://a_b.example.com", "https://localhost:3000", "http://192.168.0.1/x")],
        *[(url, url) for url in ("http://[2001:db8::1]:80/", "https://user:pass@example.com/", "https://müller.de/ü")],
        *[(url, url) for url in ("https://example.com./", "https://example.com?q=%20", "https://x.com/" + "a" * 2_034)],
        (f"https://x.com/{E_AND_ACUTE}", f"https://x.com/{E_ACUTE}"),
    ],
    values.json: [
        ({"b": 1, "a": [True, None, "é", 2.5]}, '{"b":1,"a":[true,null,"é",2.5]}'),
        *[("text", '"text"'), (0, "0"), (False, "false"), ([], "[]"), (-(2**63), str(-(2**63))), ((1, 2), "[1,2]")],
        ({E_AND_ACUTE: [E_AND_ACUTE]}, f'{{"{E_ACUTE}":["{E_ACUTE}"]}}'),
        ("\n\u0303", '"\\n\u0303"'),  # not the letter n with a tilde
        ("\\u0000 and null", '"\\\\u0000 and null"'),
        ("x" * 65_534, '"' + "x" * 65_534 + '"'),
        (nested(200), "[" * 200 + "1" + "]" * 200),
    ],
    values.tags: [
        *[([], []), (["vip", "b", "vip"], ["vip", "b"]), ([E_AND_ACUTE, E_ACUTE], [E_ACUTE])],
        *[([" a "], [" a "]), (["x" * 64], ["x" * 64]), ([E_AND_ACUTE * 64], [E_ACUTE * 64])],
    ],
}
REFUSED: dict[Callable[[object], object], list[tuple[object, str]]] = {
    values.email: [
        *[("", "is empty"), ("  ", "is empty"), (5, "is a number, but must be text"), ("nobody", "is not an e-mail")],
        *[("a@b", "is not an e-mail"), ("a@ab--cd.com", "is not an e-mail"), ("a@b.test", "is not an e-mail")],
        *[("a@b.com\x00", "NUL"), ("a@\ud800.com", "surrogate"), ("a" * 243 + "@example.com", "254 bytes")],
        *[("a@b.com\x1f", "is not an e-mail"), ("a@localhost", "is not an e-mail"), ("a@b.com.", "is not an e-mail")],
    ],
    values.country: [
        *[
            ("Germny", "did you mean 'Germany'?"),
            ("XX", "is not a country; write its ISO 3166-1 code"),
            ("", "is empty"),
        ],
        *[(49, "is a number, but must be text"), ("x" * 60_000, "is not a country"), ("EU", "is not a country")],
        *[("Korea", "is not a country"), (["DE"], "is an array, but must be text")],
    ],
    values.language: [
        *[
            ("xq", "begins with 'xq', which is not a language of ISO 639"),
            ("English", "is not a language; write a BCP"),
        ],
        *[("", "is empty"), ("en-", "is not a language"), ("en--US", "is not a language"), ("e", "is not a language")],
        *[("en_US.UTF-8", "is not a language"), ("de-1996-1996", "is not a language"), ("en-a-bb-a-cc", "is not")],
        *[("en-US-GB", "is not a language"), ("x-", "is not a language"), ("i-nothing", "is not a language")],
        *[
            ("en-x", "is not"),
            ("ｅｎ", "is not a language"),
            ("x" + "-abcdefgh" * 4, "35 characters"),
            (1, "must be text"),
        ],
        *[("en-abcdefghi", "is not a language"), ("e\u0301n", "is not a language")],
    ],
    values.timezone: [
        *[("Europe/Pariss", "is not an IANA time zone such as Europe/Paris; did you mean 'Europe/Paris'?")],
        *[("", "is empty"), ("+02:00", "is not an IANA time zone"), (2, "is a number, but must be text")],
    ],
    values.text: [
        *[("a\x00", "NUL character"), ("\ud800", "holds '\\ud800', half of a surrogate pair"), (5, "is a number, but")],
        *[(True, "is true or false, but"), ("x" * 65_537, "limit of 65,536"), ("\U0001d15e" * 33_000, "limit of")],
        *[(b"a", "is of type bytes, but must be text"), (NAIVE, "is an instant, but"), ({}, "is an object, but")],
    ],
    values.number: [
        *[(True, "is true or false, but must be a number"), ("5", "is text, but must be a number"), (NAN, "finite")],
        *[(INF, "is not a finite number"), (10**309, "is too large"), (-(10**400), "is too large")],
        *[(Decimal("NaN"), "is not a finite number"), (Decimal("sNaN"), "is not a finite"), ([1], "is an array")],
        *[(Decimal("1e400"), "is too large"), (Decimal("-Infinity"), "is not a finite number")],
    ],
    values.instant: [
        *[("", "is empty"), ("2026-05-01T10:00:00", "has no time zone"), ("2026-05-01", "a date without a time")],
        *[("2026-05-01T24:00:00Z", "hour 24"), ("2016-12-31T23:59:60Z", "leap second"), ("yesterday", "RFC 3339")],
        *[("2026-02-29T10:00:00Z", "not a day"), ("2026-02-29T10:00:00.25+01:00", "not a day"), (1_777, "is a number")],
        *[("0001-01-01T00:00:00+00:01", "0001 to 9999"), ("9999-12-31T23:59:59-00:01", "0001 to 9999")],
        *[
            ("0000-06-01T00:00:00Z", "0001 to 9999"),
            ("2026-05-01T10:00:00Z\n", "RFC 3339"),
            ("２026-05-01T10:00:00Z", "3339"),
        ],
        *[(NAIVE, "has no time zone; give a datetime with tzinfo"), (date(2026, 5, 1), "is a date, but must be")],
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "0001 to 9999"),
    ],
    values.date: [
        *[("2026-02-29", "is not a day"), ("20260501", "is not a date; write it as"), ("2026-W18-5", "is not a date")],
        *[("2026-05-01T00:00:00Z", "is not a date"), (NAIVE, "is an instant, but must be a date"), (0, "is a number")],
        *[("0000-01-01", "is not a day"), ("２026-05-01", "is not a date"), ("2026-05-01\n", "is not a date")],
    ],
    values.boolean: [(1, "is a number, but must be true or false"), ("true", "is text, but must be true or false")],
    values.url: [
        *[
            ("", "is empty"),
            ("example.com", "not an absolute URL"),
            ("/path", "not an absolute"),
            ("//a.com", "absolute"),
        ],
        *[("mailto:a@b.com", "not a URL of http or https"), ("javascript:alert(1)", "not a URL of http or https")],
        *[("ftp://a.com", "not a URL of http"), ("https:/a.com", "not an absolute"), ("https://", "has no host")],
        *[("https:///path", "has no host"), ("https://:80/", "has no host"), ("https://a b.com", "blank")],
        *[(" https://a.com", "blank"), ("https://a.com/\n", "control"), ("https://a.com/\u202ecod", "control")],
        *[("https://a.com/\\b", "%5C"), ('https://a.com/"', "%22"), ("https://a..com", "no name"), (5, "is a number")],
        *[("https://-a.com", "no name"), ("http://256.1.1.1/", "no name"), ("http://[::g]/", "no name")],
        *[("https://a.com:65536/", "port"), ("https://a.com:x/", "no host that can be read"), ("http://[::1", "host")],
        *[("https://x.com/" + "a" * 2_035, "limit of 2,048"), ("https://" + "a" * 64 + ".com", "no name")],
        ("https://a.com/\x00", "NUL"),
    ],
    values.json: [
        *[(NAN, "not finite"), ({"a": [None, {"b": INF}]}, "not finite"), (2**64, "64-bit"), (-(2**63) - 1, "64-bit")],
        *[({"a": "\x00"}, "NUL character"), ({"\x00": 1}, "NUL character"), (["\ud800"], "cannot be stored as JSON")],
        *[({1: 2}, "cannot be stored as JSON"), ([NAIVE], "cannot be stored"), (Decimal("1.5"), "cannot be stored")],
        *[("x" * 65_535, "65,537 bytes as JSON, more than the limit of 65,536"), ("é" * 32_768, "65,538 bytes")],
        *[({E_ACUTE: 1, E_AND_ACUTE: 2}, "two keys that are the same"), (nested(300), "cannot be stored")],
        ("\U0001d15e" * 15_000, "bytes in NFC"),
    ],
    values.tags: [
        *[("vip", "is text, but must be an array of text"), ([1], "holds what is not text"), ([""], "1 to 64")],
        *[
            (["x" * 65], "1 to 64 characters"),
            (["a\x00"], "NUL character"),
            (["\ud800"], "surrogate"),
            ({}, "an object"),
        ],
    ],
}


def _cases(table: dict[Callable[[object], object], list[tuple[object, str]]]) -> list[object]:
    return [
        pytest.param(function, *case, id=f"{function.__name__}-{number}")
        for function, cases in table.items()
        for number, case in enumerate(cases)
    ]


@pytest.mark.parametrize(("function", "value", "stored"), _cases(TAKEN))  # type: ignore[arg-type]  # any second value
def test_a_value_is_stored_in_its_one_form(function: Callable[[object], object], value: object, stored: object) -> None:
    """And what is stored is taken again, and stays what it is; None stands for the value itself."""
    stored = value if stored is None else stored
    found = function(value)
    assert (found, type(found)) == (stored, type(stored))
    if function not in {values.json, values.instant}:
        assert function(found) == found


@pytest.mark.parametrize(("function", "value", "message"), _cases(REFUSED))
def test_a_refusal_says_what_is_wrong_with_the_value(
    function: Callable[[object], object], value: object, message: str
) -> None:
    with pytest.raises(RefusedValueError, match=r"^(is|has|holds|takes|begins|cannot) ") as error:
        function(value)
    assert message in str(error.value)


def test_every_function_has_its_tables() -> None:
    functions = {getattr(values, name) for name in values.__all__ if name not in {"RefusedValueError", "contact_email"}}
    assert set(TAKEN) == set(REFUSED) == functions - {values.phone}


def test_every_time_zone_is_found_in_any_letter_case() -> None:
    """No two names differ in case alone."""
    for name in iana_zones():
        assert (values.timezone(name), values.timezone(name.upper())) == (name, name)


def test_there_are_as_many_countries_as_in_iso_3166_and_kosovo() -> None:
    assert len(alpha_2_codes()) == 249 + 1
    assert all(values.country(code.lower()) == code for code in alpha_2_codes())


def test_an_event_finds_its_contact_by_the_same_spelling() -> None:
    assert values.contact_email(" Ada@Example.COM ") == values.email("ada@example.com")
    assert values.contact_email(" Nobody ") == "nobody"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text('aé\u0301e\\u0n\n\x00{[:,"<\u0338'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ae\u0301é\x00", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values)
def test_stored_json_reads_back_as_the_value_in_nfc(value: object) -> None:
    """Or is refused for a reason that is there."""
    try:
        stored = values.json(value)
    except RefusedValueError as problem:
        text = repr(value)
        reasons = {"finite": "nan" in text or "inf" in text, "NUL": "\\x00" in text, "two keys": "\u0301" in text}
        assert next(holds for word, holds in reasons.items() if word in str(problem))
        return
    assert repr(orjson.loads(stored)) == repr(_in_nfc(value))
    assert "\x00" not in repr(orjson.loads(stored))


def _in_nfc(value: object) -> object:
    match value:
        case str():
            return values.text(value)
        case list():
            return [_in_nfc(inner) for inner in value]
        case dict():
            return {_in_nfc(key): _in_nfc(inner) for key, inner in value.items()}
        case _:
            return value

# SPDX-License-Identifier: Apache-2.0
"""Random mail, and what a search of it must find, worked out from the octets of each message by Python's
own e-mail package: nothing here knows how the server indexes."""
import base64
import email
import email.header
import email.utils
import quopri
import re
import time
import unicodedata

WORDS = ("river Heron water morning letter meeting figure table answer question market garden Grüße Ärger naïve café "
         "façade Straße Москва письмо привет 東京都庁 会議 日本語 invoice INV-2041 re: 100% a_b C:\\temp o'clock e.g. "
         "x=y;z 3,14 no-reply heronry.example under_score tête-à-tête résumé resume cafe\u0301 Strasse STRAẞE "
         "λόγος ΛΌΓΟΣ λογος İstanbul istanbul kapı KAPI がっこう かっこう 한국어 하구 ŉ").split()
NAMES = ("Ada Lovelace", "Bob", "Zoë Müller", "Иван Петров", "山田太郎", "O'Neil, Pat")
CHARSETS = ("us-ascii", "utf-8", "iso-8859-1", "koi8-r", "windows-1252", "iso-2022-jp")
DAY = 86400
FIRST_DAY = 18000 * DAY


def casemap(text):
    """i;unicode-casemap (RFC 5051): title case and decomposition of each character, then octets."""
    titled = (c.title() if len(c.title()) == 1 else c for c in text)
    return unicodedata.normalize("NFKD", "".join(titled)).encode()


def normal(text):
    """As texts are compared: i;unicode-casemap, but for white space: runs of it count as one space, where RFC
    5051 tells them apart (docs/standards.md)."""
    return re.sub(r"\s+", " ", casemap(text).decode())


# ---- reading ----

ENCODED = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=")


def header_text(value):
    """A raw field value, decoded: encoded words each for itself, without the white space between two of them."""
    value = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    value = re.sub(rf"({ENCODED.pattern})\s+(?={ENCODED.pattern})", r"\1", value)
    return ENCODED.sub(lambda word: str(email.header.make_header(email.header.decode_header(word[0]))), value)


# ---- ordering (RFC 5256, 5957) ----

LEADER = re.compile(r"(?:(?:\[[^\[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^\[\]]*\]\s*)?:|\s)", re.I)
BLOB = re.compile(r"\[[^\[\]]*\]\s*")
FORWARD = re.compile(r"\[fwd:(.*)\]$", re.I)


def base_subject(text):
    """RFC 5256 section 2.1."""
    text = re.sub(r"\s+", " ", text)
    while True:
        text = re.sub(r"(?:\(fwd\)|\s)+$", "", text, flags=re.I)
        former = None
        while former != text:
            former = text
            if found := LEADER.match(text):
                text = text[found.end():]
            elif (found := BLOB.match(text)) and text[found.end():]:
                text = text[found.end():]
        if not (found := FORWARD.match(text)):
            return text
        text = found[1]


def first_address(value):
    """(local part, what is shown) of the first address of a raw field."""
    if value is None:
        return b"", b""
    name, local, domain = re.match(r"(.*?)\s*<([^@>]*)@([^>]*)>", header_text(value)).groups()
    return casemap(local), casemap(name.strip('"') or f"{local}@{domain}")


CRITERIA = {
    "ARRIVAL": lambda m: m.arrived, "DATE": lambda m: m.sent, "SIZE": lambda m: m.size, "SUBJECT": lambda m: m.subject,
    "FROM": lambda m: m.first["From"][0], "TO": lambda m: m.first["To"][0], "CC": lambda m: m.first["Cc"][0],
    "DISPLAYFROM": lambda m: m.first["From"][1], "DISPLAYTO": lambda m: m.first["To"][1],
}


def in_order(messages, criteria):
    """UIDs by criteria, each (is_reverse, name); what is equal keeps the order of the mailbox."""
    messages = sorted(messages, key=lambda m: m.uid)
    for is_reverse, name in reversed(criteria):
        messages.sort(key=CRITERIA[name], reverse=is_reverse)
    return [m.uid for m in messages]


class Message:
    """One message as the oracle sees it."""

    def __init__(self, uid, octets, flags, keywords, arrived):
        self.uid, self.size, self.flags, self.keywords, self.arrived = uid, len(octets), flags, keywords, arrived
        parsed = email.message_from_bytes(octets)
        self.fields = [(name.lower(), normal(header_text(value))) for name, value in parsed.raw_items()]
        self.lines = [normal(f"{name}: {header_text(value).strip()}") for part in parsed.walk() for name, value in part.raw_items()]
        # The body is one text: that of all parts in their order, with white space between them.
        self.body = normal("\n".join(text for part in parsed.walk() for text in self.texts(part)))
        date = parsed["Date"] and email.utils.parsedate_tz(parsed["Date"])
        self.sent_day = int(email.utils.mktime_tz((*date[:9], 0)) // DAY) if date else None
        self.sent = email.utils.mktime_tz(date) if date else arrived
        raw = dict(reversed(list(parsed.raw_items())))      # the first of each name
        self.subject = casemap(base_subject(header_text(raw["Subject"])))
        self.first = {name: first_address(raw.get(name)) for name in ("From", "To", "Cc")}

    @staticmethod
    def texts(part):
        if part.get_content_maintype() == "text":
            text = part.get_payload(decode=True).decode(part.get_content_charset("us-ascii"), "replace")
            yield re.sub(r"</?p>", "\n", text).replace("<b>", "").replace("</b>", "") if "html" in part.get_content_type() else text
        if part.get_filename():
            yield header_text(email.utils.collapse_rfc2231_value(part.get_filename()))

    def has_field(self, name, needle):
        return any(n == name.lower() and needle in value for n, value in self.fields)

    def has_text(self, needle):
        return needle in self.body or any(needle in line for line in self.lines)

    def has_body(self, needle):
        return needle in self.body


# ---- mail ----

class Writer:
    """Random mail."""

    def __init__(self, chance):
        self.chance = chance

    def some(self, most):
        return " ".join(self.chance.choice(WORDS) for _ in range(self.chance.randint(1, most)))

    def fits(self, text, charset):
        try:
            text.encode(charset)
            return True
        except UnicodeEncodeError:
            return False

    def field(self, text):
        """A field value: encoded words of some charset, sometimes raw UTF-8."""
        if self.fits(text, "us-ascii") and self.chance.random() < 0.7:
            return text
        if self.chance.random() < 0.2:
            return text.encode().decode("utf-8")
        charset = self.chance.choice([c for c in CHARSETS if self.fits(text, c)])
        words = []
        for word in re.findall(r"\S+\s*", text):
            octets = word.encode(charset)
            if self.chance.random() < 0.5:
                words.append(f"=?{charset}?b?{base64.b64encode(octets).decode()}?=")
            else:
                words.append(f"=?{charset}?Q?{''.join(f'={b:02X}' for b in octets)}?=")
        return "\r\n ".join(words)

    def address(self):
        name = self.chance.choice(NAMES)
        local = "".join(self.chance.choice("abcxyz.-_1") for _ in range(4)).strip(".") or "a"
        shown = f'"{name}"' if "," in name else self.field(name)
        return f"{shown} <{local}@{self.chance.choice(('b.example', 'mail.example.org', 'x-y.example'))}>"

    def part(self, kind, text):
        """A text part of a random charset and encoding, CRLF inside."""
        charset = self.chance.choice([c for c in CHARSETS if self.fits(text, c)])
        octets = text.encode(charset)
        how = self.chance.choice(("base64", "quoted-printable", "8bit"))
        if how == "base64":
            octets = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        elif how == "quoted-printable":
            octets = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        return (f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {how}\r\n\r\n".encode()
                + octets + b"\r\n")

    def body(self):
        lines = [self.some(9) for _ in range(self.chance.randint(1, 5))]
        text = "\r\n".join(lines) + "\r\n"
        kind = self.chance.random()
        if kind < 0.5:
            return self.part("plain", text)
        html = "".join(f"<p>{line.replace(' ', ' <b>', 1) + ('</b>' if ' ' in line else '')}</p>\r\n" for line in lines)
        parts = [self.part("plain", text), self.part("html", html)]
        if kind > 0.75:
            name = "".join(self.chance.choice("abcdef") for _ in range(6)) + ".pdf"
            parts[1] = (f'Content-Type: application/pdf; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
                        "Content-Transfer-Encoding: base64\r\n\r\n").encode() + base64.b64encode(self.chance.randbytes(90)) + b"\r\n"
        inside = b"".join(b"--=_b\r\n" + part for part in parts)
        return (f'Content-Type: multipart/{"mixed" if kind > 0.75 else "alternative"}; boundary="=_b"\r\n\r\n'.encode()
                + inside + b"--=_b--\r\n")

    def message(self):
        """Octets of a message."""
        subject = self.chance.choice(("", "", "Re: ", "[list] re[2]: ", "FW: [list] ", "[fwd: ")) + self.some(6)
        subject += "]" if subject.startswith("[fwd:") else self.chance.choice(("", "", " (fwd)"))
        head = [("From", self.address()), ("Subject", self.field(subject))]
        head += [("To", self.address() + ("" if self.chance.random() < 0.6 else ",\r\n " + self.address()))]
        for name, how_often in (("Cc", 0.3), ("Bcc", 0.1), ("X-Note", 0.3), ("Subject", 0.03)):
            if self.chance.random() < how_often:
                head.append((name, self.address() if name in ("Cc", "Bcc") else self.field(self.some(4))))
        if self.chance.random() < 0.95:
            zone = self.chance.choice(("+0000", "-1100", "+0530", "+1300"))
            at = FIRST_DAY + self.chance.randrange(20 * DAY)
            head.append(("Date", time.strftime("%a, %d %b %Y %H:%M:%S ", time.gmtime(at)) + zone))
        self.chance.shuffle(head)
        lines = "".join(f"{name}: {value}\r\n" for name, value in head)
        return lines.encode() + b"MIME-Version: 1.0\r\n" + self.body()


# ---- programs ----

def date_of(day):
    return time.strftime("%d-%b-%Y", time.gmtime(day * DAY))


class Asker:
    """Random keys of SEARCH, each with the function that says what it must find."""

    def __init__(self, chance, messages):
        self.chance, self.messages = chance, messages

    def needle(self):
        """A piece of what some message says, or a word, in any case; now and then nonsense."""
        message = self.chance.choice(self.messages)
        kind = self.chance.random()
        if kind < 0.65:
            text = self.chance.choice([message.body, message.body, *(value for _, value in message.fields), *message.lines])
            at = self.chance.randrange(len(text) or 1)
            text = text[at:at + self.chance.randint(1, 16)].strip()
        else:
            text = self.chance.choice(WORDS) if kind < 0.95 else "nonesuch zz"
        text = text if text.strip() else "heron"
        return text.upper() if self.chance.random() < 0.2 and normal(text.upper()) == normal(text) else text

    def quoted(self, text):
        """As a quoted string, or as a literal."""
        if text.isascii() and self.chance.random() < 0.8:
            return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
        octets = text.encode()
        return b"{%d+}\r\n" % len(octets) + octets

    def text_key(self):
        name = self.chance.choice(("SUBJECT", "FROM", "TO", "CC", "BCC", "BODY", "TEXT", "TEXT", "BODY", "HEADER"))
        needle = self.needle()
        want = normal(needle)
        if name == "HEADER":
            name = self.chance.choice(("X-Note", "Subject", "To", "Date", "Content-Type", "Bcc"))
            if self.chance.random() < 0.2:
                needle, want = "", ""
            return b"HEADER " + name.encode() + b" " + self.quoted(needle), lambda m: m.has_field(name, want)
        key = name.encode() + b" " + self.quoted(needle)
        if name == "BODY":
            return key, lambda m: m.has_body(want)
        if name == "TEXT":
            return key, lambda m: m.has_text(want)
        return key, lambda m: m.has_field(name, want)

    def date_key(self):
        day = FIRST_DAY // DAY + self.chance.randint(-2, 22)
        name = self.chance.choice(("SENTBEFORE", "SENTON", "SENTSINCE", "BEFORE", "ON", "SINCE"))
        which = (lambda m: m.sent_day) if name.startswith("SENT") else (lambda m: m.arrived // DAY)
        compare = {"BEFORE": lambda d: d < day, "ON": lambda d: d == day, "SINCE": lambda d: d >= day}[name.removeprefix("SENT")]
        return f"{name} {date_of(day)}".encode(), lambda m: which(m) is not None and compare(which(m))

    def row_key(self):
        size, uid = self.chance.choice(self.messages).size, self.chance.choice(self.messages).uid
        return self.chance.choice((
            (b"SEEN", lambda m: "\\Seen" in m.flags), (b"UNSEEN", lambda m: "\\Seen" not in m.flags),
            (b"FLAGGED", lambda m: "\\Flagged" in m.flags), (b"UNANSWERED", lambda m: "\\Answered" not in m.flags),
            (b"KEYWORD work", lambda m: "work" in m.keywords), (b"UNKEYWORD work", lambda m: "work" not in m.keywords),
            (b"LARGER %d" % size, lambda m: m.size > size), (b"SMALLER %d" % size, lambda m: m.size < size),
            (b"UID %d:*" % uid, lambda m: m.uid >= uid), (b"UID 1:%d" % uid, lambda m: m.uid <= uid),
            (b"ALL", lambda m: True)))

    def key(self, depth=0):
        kind = self.chance.random()
        if depth < 3 and kind < 0.12:
            key, holds = self.key(depth + 1)
            return b"NOT " + key, lambda m: not holds(m)
        if depth < 3 and kind < 0.26:
            (left, l_holds), (right, r_holds) = self.key(depth + 1), self.key(depth + 1)
            return b"OR " + left + b" " + right, lambda m: l_holds(m) or r_holds(m)
        if depth < 3 and kind < 0.34:
            key, holds = self.program(depth + 1)
            return b"(" + key + b")", holds
        return self.text_key() if kind < 0.75 else self.date_key() if kind < 0.87 else self.row_key()

    def criteria(self):
        names = self.chance.sample(list(CRITERIA), self.chance.randint(1, 3))
        return [(self.chance.random() < 0.4, name) for name in names]

    def program(self, depth=0):
        keys = [self.key(depth) for _ in range(self.chance.choice((1, 1, 1, 2, 3)))]
        return b" ".join(k for k, _ in keys), lambda m: all(holds(m) for _, holds in keys)

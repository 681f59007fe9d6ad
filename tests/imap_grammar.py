# SPDX-License-Identifier: Apache-2.0
"""Reads every octet that an IMAP server sends and holds it against the grammar: RFC 9051 section 9 and
the ABNF of the extensions. It is strict: what a client might forgive is a fault here, and a response
code or item that no table names is one too. It does not know what was asked; tests of meaning do.

`Listener().feed(octets)` raises GrammarError at the first response that is wrong."""
import re
import zlib

STATUS_WORDS = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")
LITERAL = re.compile(rb"(~?)\{(\d+)\}\Z")
NUMBER = re.compile(rb"0|[1-9]\d*")
ATOM = re.compile(rb'[^(){ %*"\\\]\x00-\x1f\x7f-\xff]+')
ASTRING = re.compile(rb'[^(){ %*"\\\x00-\x1f\x7f-\xff]+')
TAG = re.compile(rb'[^(){ %*"\\\x00-\x1f\x7f-\xff+]+')
QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
DATE_TIME = re.compile(rb'"(?: \d|\d\d)-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} '
                       rb'\d\d:\d\d:\d\d [+-]\d{4}"')
# What a server says of sets holds no "*" and no "$": those are the client's words.
SET = re.compile(rb"[1-9]\d*(?::[1-9]\d*)?(?:,[1-9]\d*(?::[1-9]\d*)?)*")
OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")
SECTION = re.compile(rb"\[(?:[1-9]\d*(?:\.[1-9]\d*)*(?:\.(?:HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|MIME))?"
                     rb"|HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT)?", re.I)
PART = re.compile(rb"\[(?:[1-9]\d*(?:\.[1-9]\d*)*)?\]")
RIGHTS = re.compile(rb"[a-z]+")

SYSTEM_FLAGS = {rb"\ANSWERED", rb"\FLAGGED", rb"\DELETED", rb"\SEEN", rb"\DRAFT"}
MAILBOX_FLAGS = {rb"\NOINFERIORS", rb"\NOSELECT", rb"\MARKED", rb"\UNMARKED", rb"\HASCHILDREN", rb"\HASNOCHILDREN",
                 rb"\SUBSCRIBED", rb"\REMOTE", rb"\NONEXISTENT", rb"\NOACCESS",
                 rb"\ALL", rb"\ARCHIVE", rb"\DRAFTS", rb"\FLAGGED", rb"\JUNK", rb"\SENT", rb"\TRASH", rb"\IMPORTANT",
                 rb"\MEMOS", rb"\SCHEDULED", rb"\SNOOZED"}
ENCODINGS = {b"7BIT", b"8BIT", b"BINARY", b"BASE64", b"QUOTED-PRINTABLE"}


class GrammarError(AssertionError):
    """A response that breaks a rule: says which, where, and shows the line."""

    def __init__(self, rule, line, at):
        super().__init__(f"the server's line breaks the rule {rule} at octet {at}: "
                         f"{line[max(0, at - 60):at]!r} >>here>> {line[at:at + 80]!r}")
        self.rule = rule


class Reader:
    """One response (without its last CRLF, literals included) and how far it is read."""

    def __init__(self, line, utf8=False):
        self.line, self.at, self.utf8 = line, 0, utf8

    # ---- pieces ----

    def fail(self, rule):
        raise GrammarError(rule, self.line, self.at)

    def next_is(self, text):
        return self.line.startswith(text, self.at)

    def take(self, text):
        """Takes `text` (any case) if it comes next."""
        if self.line[self.at:self.at + len(text)].upper() != text:
            return False
        self.at += len(text)
        return True

    def want(self, text, rule):
        if not self.take(text):
            self.fail(rule)

    def match(self, pattern, rule):
        found = pattern.match(self.line, self.at)
        if not found or found.end() == self.at:
            self.fail(rule)
        self.at = found.end()
        return found.group()

    def word(self, rule):
        return self.match(ATOM, rule).upper()

    def end(self, rule):
        if self.at != len(self.line):
            self.fail(rule)

    def space(self, rule):
        self.want(b" ", rule)

    def listed(self, item, rule, at_least=1):
        """"(" [item *(SP item)] ")" """
        self.want(b"(", rule)
        count = 0
        while not self.take(b")"):
            if count:
                self.space(rule)
            item()
            count += 1
        if count < at_least:
            self.fail(rule)
        return count

    # ---- values ----

    def number(self, rule="number", most=2**63 - 1):
        value = int(self.match(NUMBER, rule))
        if value > most:
            self.fail(f"{rule}: too large")
        return value

    def number32(self, rule="number"):
        return self.number(rule, 2**32 - 1)

    def nz_number(self, rule="nz-number"):
        value = self.number32(rule)
        if value == 0:
            self.fail(rule)
        return value

    def modseq(self, rule="mod-sequence-value"):
        if self.number(rule) == 0:
            self.fail(rule)

    def number_set(self, rule="sequence-set"):
        for piece in re.findall(rb"\d+", self.match(SET, rule)):
            if int(piece) > 2**32 - 1:
                self.fail(f"{rule}: too large")

    def quoted(self, rule="quoted"):
        octets = self.match(QUOTED, rule)
        if not octets.isascii():
            if not self.utf8:
                self.fail(f"{rule}: 8-bit without UTF8=ACCEPT or IMAP4rev2")
            self.valid_utf8(octets, rule)
        return re.sub(rb"\\(.)", rb"\1", octets[1:-1])

    def valid_utf8(self, octets, rule):
        try:
            octets.decode()
        except UnicodeDecodeError:
            self.fail(f"{rule}: not UTF-8")

    def literal(self, rule="literal", may_hold_nul=False):
        start = self.line.find(b"}\r\n", self.at)
        size = int(self.line[self.at + 1:start]) if re.fullmatch(rb"\{\d+", self.line[self.at:start]) else None
        if start < 0 or size is None or len(self.line) < start + 3 + size:
            self.fail(rule)
        octets = self.line[start + 3:start + 3 + size]
        if not may_hold_nul and b"\0" in octets:
            self.fail(f"{rule}: NUL")
        self.at = start + 3 + size
        return octets

    def string(self, rule="string"):
        return self.quoted(rule) if self.next_is(b'"') else self.literal(rule)

    def nstring(self, rule="nstring"):
        return None if self.take(b"NIL") else self.string(rule)

    def astring(self, rule="astring"):
        if self.next_is(b'"') or self.next_is(b"{"):
            return self.string(rule)
        return self.match(ASTRING, rule)

    def mailbox(self, rule="mailbox"):
        name = self.astring(rule)
        if name.isascii():
            return name
        if not self.utf8:
            self.fail(f"{rule}: 8-bit without UTF8=ACCEPT or IMAP4rev2")
        self.valid_utf8(name, rule)
        return name

    def flag(self, rule, more=()):
        if not self.next_is(b"\\"):
            return self.match(ATOM, rule)
        found = re.compile(rb"\\(?:\*|[A-Za-z]+)").match(self.line, self.at)
        if not found or found.group().upper() not in SYSTEM_FLAGS.union(more):
            self.fail(f"{rule}: unknown flag")
        self.at = found.end()
        return found.group()

    def object_id(self, rule):
        self.want(b"(", rule)
        self.match(OBJECT_ID, rule)
        self.want(b")", rule)

    def date_time(self, rule="date-time"):
        self.match(DATE_TIME, rule)

    def extension_value(self, rule="tagged-ext-val"):
        """tagged-ext-val, with lists in lists."""
        if self.next_is(b"("):
            self.listed(lambda: self.extension_value(rule), rule, 0)
        else:
            self.astring(rule)

    def text(self, rule="text"):
        rest = self.line[self.at:]
        if not rest or b"\r" in rest or b"\n" in rest or b"\0" in rest:
            self.fail(rule)
        if not rest.isascii():
            if not self.utf8:
                self.fail(f"{rule}: 8-bit")
            self.valid_utf8(rest, rule)
        self.at = len(self.line)


# ---- resp-text ----

def capability_data(r, end):
    words = []
    while not (r.next_is(end) if end else r.at == len(r.line)):
        r.space("capability-data")
        words.append(r.match(re.compile(rb'[^(){ %*"\\\]\x00-\x1f\x7f-\xff]+'), "capability").upper())
    if b"IMAP4REV2" not in words and b"IMAP4REV1" not in words:
        r.fail("capability-data: neither IMAP4rev1 nor IMAP4rev2")
    if len(set(words)) != len(words):
        r.fail("capability-data: a word twice")


def code_charset(r):
    if r.take(b" "):
        r.listed(lambda: r.astring("charset"), "BADCHARSET")


def code_copyuid(r):
    r.space("COPYUID")
    r.nz_number("COPYUID")
    sizes = []
    for _ in range(2):
        r.space("COPYUID")
        begin = r.at
        r.number_set("uid-set")
        sizes.append(set_size(r.line[begin:r.at]))
    if sizes[0] != sizes[1]:
        r.fail("COPYUID: the sets differ in size")


def set_size(octets):
    pairs = (piece.split(b":") for piece in octets.split(b","))
    return sum(abs(int(p[-1]) - int(p[0])) + 1 for p in pairs)


def code_appenduid(r):
    r.space("APPENDUID")
    r.nz_number("APPENDUID")
    r.space("APPENDUID")
    r.number_set("APPENDUID")


def code_metadata(r):
    r.space("METADATA code")
    word = r.word("METADATA code")
    if word in (b"LONGENTRIES", b"MAXSIZE"):
        r.space("METADATA code")
        r.number("METADATA code")
    elif word not in (b"TOOMANY", b"NOPRIVATE"):
        r.fail("METADATA code")


def code_inprogress(r):
    if not r.take(b" "):
        return
    r.want(b"(", "INPROGRESS")
    if not r.take(b"NIL"):
        r.quoted("INPROGRESS tag")
    for _ in range(2):
        r.space("INPROGRESS")
        if not r.take(b"NIL"):
            r.number("INPROGRESS")
    r.want(b")", "INPROGRESS")


def code_messagelimit(r):
    r.space("MESSAGELIMIT")
    r.nz_number("MESSAGELIMIT")
    if r.take(b" "):
        r.nz_number("MESSAGELIMIT")


def after_space(method, *more):
    def parse(r):
        r.space("resp-text-code")
        getattr(r, method)(*more)
    return parse


def code_flags(r):
    r.space("PERMANENTFLAGS")
    r.listed(lambda: r.flag("flag-perm", (rb"\*",)), "PERMANENTFLAGS", 0)


def code_badevent(r):
    r.space("BADEVENT")
    r.listed(lambda: r.word("event-name"), "BADEVENT")


BARE_CODES = ("ALERT PARSE READ-ONLY READ-WRITE TRYCREATE UIDNOTSTICKY CLOSED UNAVAILABLE AUTHENTICATIONFAILED "
              "AUTHORIZATIONFAILED EXPIRED PRIVACYREQUIRED CONTACTADMIN NOPERM INUSE EXPUNGEISSUED CORRUPTION SERVERBUG "
              "CLIENTBUG CANNOT LIMIT OVERQUOTA ALREADYEXISTS NONEXISTENT HASCHILDREN NOTSAVED UNKNOWN-CTE TOOBIG "
              "COMPRESSIONACTIVE USEATTR NOTIFICATIONOVERFLOW UIDREQUIRED TOOFEW TOOMANY").split()
CODES = {word.encode(): lambda r: None for word in BARE_CODES} | {
    b"CAPABILITY": lambda r: capability_data(r, b"]"), b"BADCHARSET": code_charset, b"PERMANENTFLAGS": code_flags,
    b"UIDNEXT": after_space("nz_number"), b"UIDVALIDITY": after_space("nz_number"), b"UNSEEN": after_space("nz_number"),
    b"APPENDUID": code_appenduid, b"COPYUID": code_copyuid, b"HIGHESTMODSEQ": after_space("modseq"),
    b"MODIFIED": after_space("number_set"), b"BADEVENT": code_badevent, b"NOUPDATE": after_space("quoted"),
    b"MAILBOXID": after_space("object_id", "MAILBOXID"), b"METADATA": code_metadata, b"INPROGRESS": code_inprogress,
    b"MESSAGELIMIT": code_messagelimit, b"BADURL": after_space("match", re.compile(rb"[^\]\x00\r\n]+"), "BADURL"),
}


def resp_text(r):
    if r.take(b"["):
        code = r.word("resp-text-code")
        if code not in CODES:
            r.fail(f"resp-text-code: unknown {code.decode()}")
        CODES[code](r)
        r.want(b"]", f"resp-text-code {code.decode()}")
        r.space("resp-text")
    r.text()


# ---- FETCH ----

def addresses(r, rule):
    if r.take(b"NIL"):
        return
    r.want(b"(", rule)
    while not r.take(b")"):
        r.want(b"(", "address")
        for i in range(4):
            if i:
                r.space("address")
            r.nstring("address")
        r.want(b")", "address")
    if r.line[r.at - 2:r.at] == b"()":
        r.fail(f"{rule}: an empty list")


def envelope(r):
    r.want(b"(", "envelope")
    for i, name in enumerate(("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id")):
        if i:
            r.space("envelope")
        if 2 <= i <= 7:
            addresses(r, f"env-{name}")
        else:
            r.nstring(f"env-{name}")
    r.want(b")", "envelope")


def body_parameters(r):
    if r.take(b"NIL"):
        return
    if r.listed(lambda: r.string("body-fld-param"), "body-fld-param") % 2:
        r.fail("body-fld-param: a name without a value")


def body_extension(r):
    if r.next_is(b"("):
        r.listed(lambda: body_extension(r), "body-extension")
    elif NUMBER.match(r.line, r.at):
        r.number("body-extension")
    else:
        r.nstring("body-extension")


def body_disposition(r):
    if r.take(b"NIL"):
        return
    r.want(b"(", "body-fld-dsp")
    r.string("body-fld-dsp")
    r.space("body-fld-dsp")
    body_parameters(r)
    r.want(b")", "body-fld-dsp")


def body_language(r):
    if r.next_is(b"("):
        r.listed(lambda: r.string("body-fld-lang"), "body-fld-lang")
    else:
        r.nstring("body-fld-lang")


def body_tail(r, first):
    """The extension data behind a part: `first`, disposition, language, location, and more."""
    steps = [first, body_disposition, body_language, lambda x: x.nstring("body-fld-loc")]
    while r.take(b" "):
        (steps.pop(0) if steps else body_extension)(r)
    return len(steps)


def body(r, extended, depth=0):
    rule = "body" if not extended else "body (BODYSTRUCTURE)"
    if depth > 200:
        r.fail(f"{rule}: too deep")
    r.want(b"(", rule)
    if r.next_is(b"("):
        while r.next_is(b"("):
            body(r, extended, depth + 1)
        r.space("body-type-mpart")
        r.string("media-subtype")
        left = body_tail(r, body_parameters)
    else:
        one_part(r, extended, depth)
        left = body_tail(r, lambda x: x.nstring("body-fld-md5"))
    if left < 4 and not extended:
        r.fail("body-ext: must not be returned on BODY")
    r.want(b")", rule)


def one_part(r, extended, depth):
    kind, sub = r.string("media").upper(), (r.space("media"), r.string("media-subtype").upper())[1]
    r.space("body-fields")
    body_parameters(r)
    for name in ("body-fld-id", "body-fld-desc"):
        r.space(name)
        r.nstring(name)
    r.space("body-fld-enc")
    r.string("body-fld-enc")
    r.space("body-fld-octets")
    r.number32("body-fld-octets")
    if kind == b"MESSAGE" and sub in (b"RFC822", b"GLOBAL"):
        r.space("body-type-msg")
        envelope(r)
        r.space("body-type-msg")
        body(r, extended, depth + 1)
    if kind == b"TEXT" or (kind == b"MESSAGE" and sub in (b"RFC822", b"GLOBAL")):
        r.space("body-fld-lines")
        r.number("body-fld-lines")


def body_section(r):
    r.match(SECTION, "section")
    if r.line[:r.at].upper().endswith((b".FIELDS", b".FIELDS.NOT")):
        r.space("header-list")
        r.listed(lambda: r.astring("header-fld-name"), "header-list")
    r.want(b"]", "section")
    partial(r)
    r.space("msg-att-static")
    r.nstring("BODY[]")


def partial(r):
    if r.take(b"<"):
        r.number32("origin octet")
        r.want(b">", "origin octet")


def item_body(r):
    if r.next_is(b"["):
        body_section(r)
        return
    r.space("msg-att")
    body(r, False)


def item_binary(r):
    r.match(PART, "section-binary")
    partial(r)
    r.space("BINARY")
    if r.take(b"~"):
        r.literal("literal8", may_hold_nul=True)
    else:
        r.nstring("BINARY")


def item_binary_size(r):
    r.match(PART, "section-binary")
    r.space("BINARY.SIZE")
    r.number32("BINARY.SIZE")


def spaced(parse):
    def item(r):
        r.space("msg-att")
        parse(r)
    return item


def fetch_modseq(r):
    r.want(b"(", "MODSEQ")
    r.modseq("permsg-modsequence")
    r.want(b")", "MODSEQ")


ITEMS = {
    b"FLAGS": spaced(lambda r: r.listed(lambda: r.flag("flag-fetch", (rb"\RECENT",)), "FLAGS", 0)),
    b"ENVELOPE": spaced(envelope), b"INTERNALDATE": spaced(lambda r: r.date_time()),
    b"RFC822": spaced(lambda r: r.nstring("RFC822")), b"RFC822.HEADER": spaced(lambda r: r.nstring("RFC822.HEADER")),
    b"RFC822.TEXT": spaced(lambda r: r.nstring("RFC822.TEXT")), b"RFC822.SIZE": spaced(lambda r: r.number("RFC822.SIZE")),
    b"BODYSTRUCTURE": spaced(lambda r: body(r, True)), b"BODY": item_body, b"UID": spaced(lambda r: r.nz_number("uniqueid")),
    b"BINARY": item_binary, b"BINARY.SIZE": item_binary_size, b"MODSEQ": spaced(fetch_modseq),
    b"EMAILID": spaced(lambda r: r.object_id("EMAILID")),
    b"THREADID": spaced(lambda r: r.take(b"NIL") or r.object_id("THREADID")),
    b"PREVIEW": spaced(lambda r: r.nstring("PREVIEW")),
    b"SAVEDATE": spaced(lambda r: r.take(b"NIL") or r.date_time("SAVEDATE")),
}
ITEM_NAME = re.compile(rb"[A-Z0-9.]+", re.I)


def fetch_item(r):
    name = r.match(ITEM_NAME, "msg-att").upper()
    if name not in ITEMS:
        r.fail(f"msg-att: unknown {name.decode()}")
    ITEMS[name](r)
    return name


def message_data(r):
    number = r.number32("message-data")
    r.space("message-data")
    word = r.word("message-data")
    if word in (b"FETCH", b"UIDFETCH"):
        r.space("msg-att")
        r.listed(lambda: fetch_item(r), "msg-att")
    elif word not in (b"EXISTS", b"RECENT", b"EXPUNGE"):
        r.fail(f"message-data: unknown {word.decode()}")
    if number == 0 and word not in (b"EXISTS", b"RECENT"):
        r.fail("message-data: number 0")
    r.end(f"message-data {word.decode()}")


# ---- other untagged responses; each begins behind its word ----

def data_flags(r):
    r.space("FLAGS")
    r.listed(lambda: r.flag("flag-list"), "FLAGS", 0)


def mailbox_flag(r):
    word = r.match(re.compile(rb"\\[A-Za-z]+"), "mbx-list-flags").upper()
    if word not in MAILBOX_FLAGS:
        r.fail("mbx-list-flags: unknown attribute")


def delimiter(r, rule):
    if not r.take(b"NIL") and len(r.quoted(rule)) != 1:
        r.fail(f"{rule}: the delimiter is one character")


def list_item(r):
    r.astring("mbox-list-extended-item-tag")
    r.space("mbox-list-extended-item")
    r.extension_value()


def data_list(r):
    r.space("mailbox-list")
    r.listed(lambda: mailbox_flag(r), "mbx-list-flags", 0)
    r.space("mailbox-list")
    delimiter(r, "mailbox-list")
    r.space("mailbox-list")
    r.mailbox()
    if r.take(b" "):
        r.listed(lambda: list_item(r), "mbox-list-extended", 0)


def data_numbers(r):
    """SEARCH and SORT: numbers, and with a MODSEQ key the highest one (RFC 7162)."""
    while r.take(b" "):
        if r.take(b"(MODSEQ "):
            r.modseq("search-sort-mod-seq")
            r.want(b")", "search-sort-mod-seq")
            return
        r.nz_number("mailbox-data")


def thread_list(r, depth=0):
    r.want(b"(", "thread-list")
    if r.next_is(b"("):
        count = thread_nested(r, depth)
        if count < 2:
            r.fail("thread-nested: fewer than two")
    else:
        r.nz_number("thread-members")
        while r.take(b" "):
            if r.next_is(b"("):
                if thread_nested(r, depth) < 2:
                    r.fail("thread-nested: fewer than two")
                break
            r.nz_number("thread-members")
    r.want(b")", "thread-list")


def thread_nested(r, depth):
    count = 0
    while r.next_is(b"("):
        if depth > 300:
            r.fail("thread-nested: too deep")
        thread_list(r, depth + 1)
        count += 1
    return count


def data_thread(r):
    if r.take(b" ") and thread_nested(r, 0) == 0:
        r.fail("thread-data")


def correlator(r):
    word = r.word("search-correlator")
    r.space("search-correlator")
    if word in (b"TAG", b"MAILBOX"):
        (r.astring if word == b"TAG" else r.mailbox)("search-correlator")
    elif word == b"UIDVALIDITY":
        r.nz_number("search-correlator")
    else:
        r.fail("search-correlator: unknown")


def positions(r):
    r.want(b"(", "ADDTO")
    while True:
        r.number32("context-position")
        r.space("ADDTO")
        r.number_set()
        if not r.take(b" "):
            break
    r.want(b")", "ADDTO")


def partial_results(r):
    r.want(b"(", "ret-data-partial")
    r.match(re.compile(rb"[1-9]\d*:[1-9]\d*|-[1-9]\d*:-[1-9]\d*"), "partial-range")
    r.space("ret-data-partial")
    if not r.take(b"NIL"):
        r.number_set("partial-results")
    r.want(b")", "ret-data-partial")


SEARCH_DATA = {b"MIN": Reader.nz_number, b"MAX": Reader.nz_number, b"ALL": Reader.number_set, b"COUNT": Reader.number32,
               b"MODSEQ": Reader.modseq, b"ADDTO": positions, b"REMOVEFROM": positions, b"PARTIAL": partial_results,
               b"RELEVANCY": lambda r: r.listed(lambda: r.nz_number("RELEVANCY"), "RELEVANCY", 0)}


def data_esearch(r):
    if r.next_is(b" ("):
        r.space("ESEARCH")
        r.listed(lambda: correlator(r), "search-correlator")
    first = True
    while r.take(b" "):
        word = r.word("search-return-data")
        if first and word == b"UID":
            first = False
            continue
        first = False
        if word not in SEARCH_DATA:
            r.fail(f"search-return-data: unknown {word.decode()}")
        r.space("search-return-data")
        SEARCH_DATA[word](r)


STATUS_ITEMS = {b"MESSAGES": Reader.number32, b"RECENT": Reader.number32, b"UIDNEXT": Reader.nz_number,
                b"UIDVALIDITY": Reader.nz_number, b"UNSEEN": Reader.number32, b"DELETED": Reader.number32,
                b"SIZE": Reader.number, b"HIGHESTMODSEQ": Reader.number, b"DELETED-STORAGE": Reader.number,
                b"MAILBOXID": lambda r: r.object_id("MAILBOXID"),
                b"APPENDLIMIT": lambda r: r.take(b"NIL") or r.number32("APPENDLIMIT")}


def status_item(r):
    word = r.word("status-att-val")
    if word not in STATUS_ITEMS:
        r.fail(f"status-att-val: unknown {word.decode()}")
    r.space("status-att-val")
    STATUS_ITEMS[word](r)


def data_status(r):
    r.space("STATUS")
    r.mailbox()
    r.space("STATUS")
    r.listed(lambda: status_item(r), "status-att-list", 0)


def namespace_entry(r):
    r.want(b"(", "namespace-descr")
    r.string("namespace-descr")
    r.space("namespace-descr")
    delimiter(r, "namespace-descr")
    while r.take(b" "):
        r.string("namespace-response-extension")
        r.space("namespace-response-extension")
        r.listed(lambda: r.string("namespace-response-extension"), "namespace-response-extension")
    r.want(b")", "namespace-descr")


def data_namespace(r):
    for _ in range(3):
        r.space("NAMESPACE")
        if r.take(b"NIL"):
            continue
        r.want(b"(", "namespace")
        namespace_entry(r)
        while not r.take(b")"):
            namespace_entry(r)


def data_vanished(r):
    r.space("VANISHED")
    if r.take(b"(EARLIER)"):
        r.space("VANISHED")
    r.number_set("known-uids")


def metadata_entry(r):
    name = r.astring("entry")
    if not re.match(rb"/(private|shared)/", name, re.I):
        r.fail("entry: neither /private/ nor /shared/")


def metadata_value(r):
    if r.take(b"~"):
        r.literal("literal8", may_hold_nul=True)
    else:
        r.nstring("value")


def data_metadata(r):
    r.space("METADATA")
    r.mailbox()
    r.space("METADATA")
    if not r.next_is(b"("):
        metadata_entry(r)
        while r.take(b" "):
            metadata_entry(r)
        return

    def pair():
        metadata_entry(r)
        r.space("entry-value")
        metadata_value(r)
    r.listed(pair, "entry-values")


def rights(r, rule):
    found = r.astring(rule)
    if found and not RIGHTS.fullmatch(found) and not found.isdigit():
        r.fail(f"{rule}: not rights")


def data_acl(r):
    r.space("ACL")
    r.mailbox()
    while r.take(b" "):
        r.astring("identifier")
        r.space("acl-data")
        rights(r, "rights")


def data_listrights(r):
    r.space("LISTRIGHTS")
    r.mailbox()
    r.space("LISTRIGHTS")
    r.astring("identifier")
    r.space("LISTRIGHTS")
    rights(r, "rights")
    while r.take(b" "):
        rights(r, "rights")


def data_myrights(r):
    r.space("MYRIGHTS")
    r.mailbox()
    r.space("MYRIGHTS")
    rights(r, "rights")


def quota_resource(r):
    r.word("resource-name")
    for name in ("resource-usage", "resource-limit"):
        r.space(name)
        r.number(name)


def data_quota(r):
    r.space("QUOTA")
    r.astring("quota-root-name")
    r.space("QUOTA")
    r.listed(lambda: quota_resource(r), "quota-list", 0)


def data_quotaroot(r):
    r.space("QUOTAROOT")
    r.mailbox()
    while r.take(b" "):
        r.astring("quota-root-name")


def data_id(r):
    r.space("ID")
    if r.take(b"NIL"):
        return

    def pair():
        r.string("ID field")
        r.space("ID")
        r.nstring("ID value")
    r.listed(pair, "ID")


def data_enabled(r):
    while r.take(b" "):
        r.word("enable-data")


def data_uidbatches(r):
    """RFC 10022: ranges of UIDs, the newest first."""
    r.space("UIDBATCHES")
    r.listed(lambda: correlator(r), "search-correlator")
    if r.take(b" "):
        r.match(re.compile(rb"[1-9]\d*:[1-9]\d*(?:,[1-9]\d*:[1-9]\d*)*|[1-9]\d*(?:[:,][1-9]\d*)*"), "UIDBATCHES")


DATA = {
    b"CAPABILITY": lambda r: capability_data(r, b""), b"ENABLED": data_enabled, b"FLAGS": data_flags, b"LIST": data_list,
    b"LSUB": data_list, b"SEARCH": data_numbers, b"SORT": data_numbers, b"THREAD": data_thread, b"ESEARCH": data_esearch,
    b"STATUS": data_status, b"NAMESPACE": data_namespace, b"VANISHED": data_vanished, b"METADATA": data_metadata,
    b"ACL": data_acl, b"LISTRIGHTS": data_listrights, b"MYRIGHTS": data_myrights, b"QUOTA": data_quota,
    b"QUOTAROOT": data_quotaroot, b"ID": data_id, b"UIDBATCHES": data_uidbatches,
}


def check_response(line, utf8=False):
    """Raises GrammarError unless `line` (without CRLF, with its literals) is one response."""
    r = Reader(line, utf8)
    if r.take(b"+ "):
        if not BASE64.match(line, 2):
            resp_text(r)
        return
    if not r.take(b"* "):
        r.match(TAG, "tag")
        r.space("response-tagged")
        if r.word("resp-cond-state") not in STATUS_WORDS[:3]:
            r.fail("resp-cond-state: neither OK, NO nor BAD")
        r.space("resp-cond-state")
        resp_text(r)
        return
    if NUMBER.match(line, 2):
        message_data(r)
        return
    word = r.word("response-data")
    if word in STATUS_WORDS:
        r.space("resp-cond-state")
        resp_text(r)
    elif word in DATA:
        DATA[word](r)
        r.end(f"response-data {word.decode()}")
    else:
        r.fail(f"response-data: unknown {word.decode()}")


class Listener:
    """What one connection's server says, in any pieces. `compress_tag` is the tag of a COMPRESS
    command: behind its OK everything is deflated (RFC 4978)."""

    def __init__(self):
        self.pending = bytearray()
        self.begin = 0              # where the line goes on, behind the literals that are there
        self.responses = 0
        self.utf8 = False
        self.compress_tag = None
        self.inflater = None

    def feed(self, octets):
        self.pending += self.inflater.decompress(octets) if self.inflater else octets
        while True:
            at = self.pending.find(b"\r\n", self.begin)
            if at < 0:
                return
            piece = bytes(self.pending[self.begin:at])
            literal = LITERAL.search(piece) if self.has_literals() else None
            if literal:
                if len(self.pending) < at + 2 + int(literal.group(2)):
                    return
                self.begin = at + 2 + int(literal.group(2))
                continue
            self.take(bytes(self.pending[:at]), at + 2)

    def has_literals(self):
        """Text for people may end with anything; only data has literals."""
        return re.match(rb"\* (?!(?:OK|NO|BAD|BYE|PREAUTH) )", self.pending) is not None

    def take(self, line, end):
        del self.pending[:end]
        self.begin = 0
        self.responses += 1
        if self.responses == 1 and not re.match(rb"\* (OK|PREAUTH|BYE) ", line):
            raise GrammarError("greeting", line, 0)
        check_response(line, self.utf8)
        if line.upper().startswith(b"* ENABLED"):
            self.utf8 = self.utf8 or b"UTF8=ACCEPT" in line.upper() or b"IMAP4REV2" in line.upper()
        if self.compress_tag and line.startswith(self.compress_tag + b" OK"):
            self.compress_tag, self.inflater = None, zlib.decompressobj(-15)
            rest, self.pending = bytes(self.pending), bytearray()
            self.feed(rest)

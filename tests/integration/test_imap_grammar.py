# SPDX-License-Identifier: Apache-2.0
"""The checker of what the server says is itself shown right and wrong lines."""
import socket
import threading
import zlib

import pytest

import imap_client
import imap_grammar

GOOD = [
    b"* OK Ready.", b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Ready.", b"* PREAUTH Hello.", b"* BYE Ends.",
    b"t1 OK Done.", b"t1 NO [OVERQUOTA] No room.", b"t1 BAD Unknown command.", b"* BAD A line is too long.",
    b"+ ", b"+ Ready for the literal.", b"+ YWJjZA==", b"* OK [ALERT] Text with {5}",
    b"* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+", b"* ENABLED", b"* ENABLED CONDSTORE UTF8=ACCEPT",
    rb"* FLAGS (\Answered \Seen $Junk work)", rb"* OK [PERMANENTFLAGS (\Seen \*)] Flags that stay.",
    b"* 0 EXISTS", b"* 3 RECENT", b"* 3 EXPUNGE", b"* SEARCH", b"* SEARCH 1 2 3", b"* SEARCH 1 (MODSEQ 917162500)",
    b"* SORT 3 1 2", b"* THREAD", b"* THREAD (1)(2 3 (4)(5 6))((7)(8))",
    b'* ESEARCH (TAG "t1") UID COUNT 3 ALL 1:3,7', b"* ESEARCH", b'* ESEARCH (TAG "t1") MIN 2 MAX 9 MODSEQ 12',
    b'* ESEARCH (TAG "a" MAILBOX "b c" UIDVALIDITY 4) UID PARTIAL (-1:-100 NIL)',
    b'* ESEARCH (TAG "a") ADDTO (0 1:3 0 7) REMOVEFROM (0 9)', b'* ESEARCH (TAG "a") ALL 1 RELEVANCY (99)',
    rb'* LIST (\HasNoChildren \Sent) "/" "Sent Mail"', rb'* LIST () NIL INBOX', rb'* LSUB (\Noselect) "/" a',
    rb'* LIST () "/" b ("CHILDINFO" ("SUBSCRIBED"))', rb'* LIST (\NonExistent) "/" b (OLDNAME ("c"))',
    b"* LIST () \"/\" {3}\r\na\"b", b'* NAMESPACE (("" "/")) (("Other Users/" "/")) NIL',
    b'* STATUS "a b" (MESSAGES 3 UIDNEXT 4 HIGHESTMODSEQ 0 SIZE 4294967297 MAILBOXID (F1) APPENDLIMIT NIL)', b"* STATUS a ()",
    b"* VANISHED (EARLIER) 1:4,9", b"* VANISHED 7", b'* METADATA INBOX (/private/comment "x" /shared/y NIL)',
    b'* METADATA "" /shared/comment', b"* METADATA a (/private/comment ~{3}\r\nx\0y)",
    b"* ACL INBOX ada lrswipkxte anyone lr", b"* LISTRIGHTS a ben l r s ekx", b"* MYRIGHTS a lr",
    b'* QUOTA "" (STORAGE 3 10 MESSAGE 1 2)', b'* QUOTAROOT INBOX ""', b'* ID ("name" "x" "version" NIL)', b"* ID NIL",
    rb"* 1 FETCH (FLAGS (\Seen \Recent) UID 3 MODSEQ (7))", b"* 9 UIDFETCH (FLAGS ())",
    b'* 1 FETCH (INTERNALDATE " 1-Jan-2024 00:00:00 +0000" RFC822.SIZE 9)',
    b"* 1 FETCH (BODY[] {3}\r\na\rb)", b'* 1 FETCH (BODY[1.2.MIME]<3> "x" BODY[HEADER.FIELDS (To "a b")] NIL)',
    b"* 1 FETCH (BODY[2.HEADER.FIELDS.NOT (A)] NIL BINARY[1]<0> ~{1}\r\n\0 BINARY.SIZE[1] 1)",
    b"* 1 FETCH (EMAILID (M1) THREADID NIL PREVIEW NIL SAVEDATE NIL)",
    b'* 1 FETCH (ENVELOPE ("d" NIL (("n" NIL "m" "h")(NIL NIL "m" "h")) NIL NIL NIL NIL NIL NIL "<i>"))',
    b'* 1 FETCH (BODY ("TEXT" "PLAIN" ("charset" "utf-8") NIL NIL "7BIT" 3 1))',
    b'* 1 FETCH (BODYSTRUCTURE (("text" "plain" NIL NIL NIL "7bit" 3 1 NIL NIL NIL NIL)("image" "png" NIL NIL NIL "base64" 9 NIL '
    b'("attachment" ("filename" "a")) ("en" "de") "loc") "mixed" ("boundary" "x") NIL NIL NIL))',
    b'* 1 FETCH (BODYSTRUCTURE ("message" "rfc822" NIL NIL NIL "7bit" 30 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) '
    b'("text" "plain" NIL NIL NIL "7bit" 3 1) 4))',
    b"t OK [APPENDUID 3 4:6] Done.", b"t OK [COPYUID 3 1:3 5,7:8] Done.", b"t OK [MODIFIED 1:3,7] Some changed.",
    b'* OK [INPROGRESS ("t1" 3 NIL)] Goes on.', b"* OK [INPROGRESS] Goes on.", b"t NO [METADATA MAXSIZE 1024] Too long.",
    b"t NO [BADCHARSET (UTF-8 \"US-ASCII\")] Not known.", b"t NO [MESSAGELIMIT 1000 23221] Some only.",
    b"t NO [BADEVENT (MessageNew FlagChange)] No.", b"t OK [HIGHESTMODSEQ 20] Done.", b'* NO [NOUPDATE "B02"] No.',
]

WRONG = [
    (b"t1 OK", "resp-cond-state"), (b"t1 OK ", "text"), (b"t1 FINE Done.", "resp-cond-state: neither OK, NO nor BAD"),
    (b"t1 PREAUTH x", "resp-cond-state: neither OK, NO nor BAD"), (b"*  OK x", "response-data"), (b"*", "tag"),
    (b"t+ OK x", "response-tagged"), (b"t1 OK [NICE] x", "resp-text-code: unknown NICE"), (b"t1 OK [ALERT]x", "resp-text"),
    (b"t1 OK [UIDNEXT 0] x", "nz-number"), (b"t1 OK caf\xc3\xa9", "text: 8-bit"), (b"t1 OK a\nb", "text"),
    (b"* CAPABILITY IMAP4rev1  ID", "capability"), (b"* CAPABILITY ID", "capability-data: neither IMAP4rev1 nor IMAP4rev2"),
    (b"* CAPABILITY IMAP4rev1 ID ID", "capability-data: a word twice"), (rb"* FLAGS (\Recent)", "flag-list: unknown flag"),
    (rb"* FLAGS (\Seen  work)", "flag-list"), (b"* 0 EXPUNGE", "message-data: number 0"), (b"* 3 EXISTS x", "message-data EXISTS"),
    (b"* 03 EXISTS", "message-data"), (b"* 3 ARRIVED", "message-data: unknown ARRIVED"), (b"* SEARCH 1  2", "mailbox-data"),
    (b"* SEARCH 1 ", "mailbox-data"), (b"* SEARCH 0", "mailbox-data"), (b"* THREAD ((1))", "thread-nested: fewer than two"),
    (b"* THREAD (1 (2))", "thread-nested: fewer than two"), (b"* ESEARCH ALL $", "sequence-set"), (b"* ESEARCH ALL 1:*", "response-data ESEARCH"),
    (b"* ESEARCH NICE 1", "search-return-data: unknown NICE"), (rb'* LIST (\Odd) "/" a', "mbx-list-flags: unknown attribute"),
    (b'* LIST () "//" a', "mailbox-list: the delimiter is one character"), (b'* LIST () "/" a b', "mbox-list-extended"),
    (b'* LIST () "/" "caf\xc3\xa9"', "mailbox: 8-bit without UTF8=ACCEPT or IMAP4rev2"), (b'* LIST () "/" "a\\b"', "mailbox"),
    (b"* STATUS a (MESSAGES)", "status-att-val"), (b"* STATUS a (NICE 3)", "status-att-val: unknown NICE"),
    (b"* VANISHED", "VANISHED"), (b"* METADATA a (comment NIL)", "entry: neither /private/ nor /shared/"),
    (b"* 1 FETCH ()", "msg-att"), (b"* 1 FETCH (FLAGS)", "msg-att"), (b"* 1 FETCH (NICE 1)", "msg-att: unknown NICE"),
    (rb"* 1 FETCH (FLAGS (\Odd))", "flag-fetch: unknown flag"), (b'* 1 FETCH (INTERNALDATE "1-Jan-2024 00:00:00 +0000")', "date-time"),
    (b"* 1 FETCH (BODY[] {3}\r\na\0b)", "BODY[]: NUL"), (b"* 1 FETCH (BODY[] {9}\r\nab)", "BODY[]"), (b"* 1 FETCH (BODY[0] NIL)", "section"),
    (b"* 1 FETCH (MODSEQ 3)", "MODSEQ"), (b"* 1 FETCH (UID 4294967296)", "uniqueid: too large"),
    (b"* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL))", "envelope"),
    (b"* 1 FETCH (ENVELOPE (NIL NIL () NIL NIL NIL NIL NIL NIL NIL))", "env-from: an empty list"),
    (b'* 1 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit" 3))', "body-fld-lines"),
    (b'* 1 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit" 3 1 NIL))', "body-ext: must not be returned on BODY"),
    (b'* 1 FETCH (BODY ("a" "b" ("x") NIL NIL "7bit" 3))', "body-fld-param: a name without a value"),
    (b"* 1 FETCH (EMAILID M1)", "EMAILID"), (b"t OK [COPYUID 3 1:3 5] x", "COPYUID: the sets differ in size"),
    (b"* NICE", "response-data: unknown NICE"), (b'* NAMESPACE (("" "/")) NIL', "NAMESPACE"), (b"", "tag"),
]


@pytest.mark.parametrize("line", GOOD, ids=repr)
def test_what_the_grammar_allows(line):
    imap_grammar.check_response(line)


@pytest.mark.parametrize("line, rule", WRONG, ids=repr)
def test_what_the_grammar_forbids(line, rule):
    with pytest.raises(imap_grammar.GrammarError) as found:
        imap_grammar.check_response(line)
    assert found.value.rule == rule


def test_eight_bit_after_enable():
    listener = imap_grammar.Listener()
    listener.feed(b"* OK x\r\n* ENABLED UTF8=ACCEPT\r\n* LIST () \"/\" \"caf\xc3\xa9\"\r\n")
    with pytest.raises(imap_grammar.GrammarError):
        listener.feed(b"* LIST () \"/\" \"caf\xe9\"\r\n")


STREAM = (b"* OK Ready {3}\r\n* 1 FETCH (BODY[] {12}\r\nab\r\nt1 WRONG UID 3)\r\n"
          b"* 2 FETCH (BODY[1] {0}\r\n BODY[2] {2}\r\n\r\n)\r\nt1 OK Done {2}\r\n+ \r\n* BYE x\r\n")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_stream_in_pieces(size):
    listener = imap_grammar.Listener()
    for at in range(0, len(STREAM), size):
        listener.feed(STREAM[at:at + size])
    assert listener.responses == 6 and not listener.pending


def test_a_greeting_comes_first():
    with pytest.raises(imap_grammar.GrammarError) as found:
        imap_grammar.Listener().feed(b"t1 OK Done.\r\n")
    assert found.value.rule == "greeting"


def test_behind_compress():
    listener = imap_grammar.Listener()
    listener.compress_tag = b"c"
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(b"* 3 EXISTS\r\nt2 OK x\r\n* NICE\r\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(imap_grammar.GrammarError) as found:
        listener.feed(b"* OK x\r\nc OK Now.\r\n" + packed)
    assert found.value.rule == "response-data: unknown NICE" and listener.responses == 5


def test_imaplib_clients_read_by_the_grammar():
    """What the clients of conftest hear is held against it, too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with listener.accept()[0] as client:
                client.sendall(b"* OK hello\r\n")
                tag = client.recv(1000).split()[0]
                client.sendall(b"* CAPABILITY IMAP4rev1 ID ID\r\n" + tag + b" OK done\r\n")
                client.recv(1000)
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(imap_grammar.GrammarError, match="a word twice"):
            imap_client.IMAP4("127.0.0.1", listener.getsockname()[1], timeout=20)
        thread.join(20)

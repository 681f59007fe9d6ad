/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of answers. Participles are no orders ("I have sent it by post"). */
#include "submit/answer_words.h"

enum {
    WORD_MAX = 32 /* octets; longer ones have no meaning */
};

struct entry {
    str word; /* lower case; umlauts as two letters, "'" for all apostrophes */
    enum answer_meaning meaning;
};

static const struct entry words[] = {
    { STR_INIT("hi"), ANSWER_GREETING },
    { STR_INIT("hello"), ANSWER_GREETING },
    { STR_INIT("dear"), ANSWER_GREETING },
    { STR_INIT("hey"), ANSWER_GREETING },
    { STR_INIT("hallo"), ANSWER_GREETING },
    { STR_INIT("moin"), ANSWER_GREETING },
    { STR_INIT("servus"), ANSWER_GREETING },
    { STR_INIT("guten"), ANSWER_GREETING },
    { STR_INIT("liebes"), ANSWER_GREETING },
    { STR_INIT("liebe"), ANSWER_GREETING },
    { STR_INIT("geehrtes"), ANSWER_GREETING },
    { STR_INIT("geehrte"), ANSWER_GREETING },

    { STR_INIT("not"), ANSWER_NOT },
    { STR_INIT("don't"), ANSWER_NOT },
    { STR_INIT("dont"), ANSWER_NOT },
    { STR_INIT("never"), ANSWER_NOT },
    { STR_INIT("nicht"), ANSWER_NOT },
    { STR_INIT("nie"), ANSWER_NOT },
    { STR_INIT("niemals"), ANSWER_NOT },
    { STR_INIT("keinesfalls"), ANSWER_NOT },
    { STR_INIT("keineswegs"), ANSWER_NOT },

    { STR_INIT("if"), ANSWER_DOUBT },
    { STR_INIT("unless"), ANSWER_DOUBT },
    { STR_INIT("until"), ANSWER_DOUBT },
    { STR_INIT("when"), ANSWER_DOUBT },
    { STR_INIT("whether"), ANSWER_DOUBT },
    { STR_INIT("or"), ANSWER_DOUBT },
    { STR_INIT("but"), ANSWER_DOUBT },
    { STR_INIT("except"), ANSWER_DOUBT },
    { STR_INIT("maybe"), ANSWER_DOUBT },
    { STR_INIT("perhaps"), ANSWER_DOUBT },
    { STR_INIT("wait"), ANSWER_DOUBT },
    { STR_INIT("yet"), ANSWER_DOUBT },
    { STR_INIT("first"), ANSWER_DOUBT },
    { STR_INIT("back"), ANSWER_DOUBT },
    { STR_INIT("instead"), ANSWER_DOUBT },
    { STR_INIT("otherwise"), ANSWER_DOUBT },
    { STR_INIT("another"), ANSWER_DOUBT },
    { STR_INIT("else"), ANSWER_DOUBT },
    { STR_INIT("myself"), ANSWER_DOUBT },
    { STR_INIT("i'll"), ANSWER_DOUBT },
    { STR_INIT("can't"), ANSWER_DOUBT },
    { STR_INIT("cannot"), ANSWER_DOUBT },
    { STR_INIT("won't"), ANSWER_DOUBT },
    { STR_INIT("didn't"), ANSWER_DOUBT },
    { STR_INIT("doesn't"), ANSWER_DOUBT },
    { STR_INIT("shouldn't"), ANSWER_DOUBT },
    { STR_INIT("why"), ANSWER_DOUBT },
    { STR_INIT("what"), ANSWER_DOUBT },
    { STR_INIT("how"), ANSWER_DOUBT },
    { STR_INIT("who"), ANSWER_DOUBT },
    { STR_INIT("everything"), ANSWER_DOUBT },
    { STR_INIT("alles"), ANSWER_DOUBT },
    { STR_INIT("wenn"), ANSWER_DOUBT },
    { STR_INIT("falls"), ANSWER_DOUBT },
    { STR_INIT("sofern"), ANSWER_DOUBT },
    { STR_INIT("solange"), ANSWER_DOUBT },
    { STR_INIT("sobald"), ANSWER_DOUBT },
    { STR_INIT("bis"), ANSWER_DOUBT },
    { STR_INIT("bevor"), ANSWER_DOUBT },
    { STR_INIT("erst"), ANSWER_DOUBT },
    { STR_INIT("ob"), ANSWER_DOUBT },
    { STR_INIT("oder"), ANSWER_DOUBT },
    { STR_INIT("aber"), ANSWER_DOUBT },
    { STR_INIT("sondern"), ANSWER_DOUBT },
    { STR_INIT("ausser"), ANSWER_DOUBT },
    { STR_INIT("vielleicht"), ANSWER_DOUBT },
    { STR_INIT("eventuell"), ANSWER_DOUBT },
    { STR_INIT("evtl"), ANSWER_DOUBT },
    { STR_INIT("warte"), ANSWER_DOUBT },
    { STR_INIT("warten"), ANSWER_DOUBT },
    { STR_INIT("statt"), ANSWER_DOUBT },
    { STR_INIT("anstatt"), ANSWER_DOUBT },
    { STR_INIT("stattdessen"), ANSWER_DOUBT },
    { STR_INIT("anders"), ANSWER_DOUBT },
    { STR_INIT("andere"), ANSWER_DOUBT },
    { STR_INIT("anderen"), ANSWER_DOUBT },
    { STR_INIT("sonst"), ANSWER_DOUBT },
    { STR_INIT("selbst"), ANSWER_DOUBT },
    { STR_INIT("zurueck"), ANSWER_DOUBT },
    { STR_INIT("werde"), ANSWER_DOUBT },
    { STR_INIT("nein"), ANSWER_DOUBT },
    { STR_INIT("wanted"), ANSWER_DOUBT },
    { STR_INIT("wollte"), ANSWER_DOUBT },
    { STR_INIT("warum"), ANSWER_DOUBT },
    { STR_INIT("wieso"), ANSWER_DOUBT },
    { STR_INIT("weshalb"), ANSWER_DOUBT },
    { STR_INIT("neither"), ANSWER_DOUBT },
    { STR_INIT("nothing"), ANSWER_DOUBT },
    { STR_INIT("nobody"), ANSWER_DOUBT },
    { STR_INIT("nichts"), ANSWER_DOUBT },
    { STR_INIT("niemandem"), ANSWER_DOUBT },
    { STR_INIT("weder"), ANSWER_DOUBT },
    { STR_INIT("remove"), ANSWER_DOUBT },
    { STR_INIT("off"), ANSWER_DOUBT },
    { STR_INIT("show"), ANSWER_DOUBT },
    { STR_INIT("me"), ANSWER_DOUBT },
    { STR_INIT("entferne"), ANSWER_DOUBT },
    { STR_INIT("entfernen"), ANSWER_DOUBT },
    { STR_INIT("zeige"), ANSWER_DOUBT },
    { STR_INIT("zeig"), ANSWER_DOUBT },
    { STR_INIT("mir"), ANSWER_DOUBT },

    { STR_INIT("cancel"), ANSWER_CANCEL },
    { STR_INIT("abort"), ANSWER_CANCEL },
    { STR_INIT("discard"), ANSWER_CANCEL },
    { STR_INIT("delete"), ANSWER_CANCEL },
    { STR_INIT("drop"), ANSWER_CANCEL },
    { STR_INIT("withdraw"), ANSWER_CANCEL },
    { STR_INIT("stop"), ANSWER_CANCEL },
    { STR_INIT("abbrechen"), ANSWER_CANCEL },
    { STR_INIT("abbruch"), ANSWER_CANCEL },
    { STR_INIT("brich"), ANSWER_CANCEL },
    { STR_INIT("brechen"), ANSWER_CANCEL },
    { STR_INIT("loeschen"), ANSWER_CANCEL },
    { STR_INIT("loesche"), ANSWER_CANCEL },
    { STR_INIT("verwerfen"), ANSWER_CANCEL },
    { STR_INIT("verwirf"), ANSWER_CANCEL },
    { STR_INIT("stornieren"), ANSWER_CANCEL },
    { STR_INIT("storniere"), ANSWER_CANCEL },
    { STR_INIT("zurueckziehen"), ANSWER_CANCEL },
    { STR_INIT("stopp"), ANSWER_CANCEL },
    { STR_INIT("stoppen"), ANSWER_CANCEL },
    { STR_INIT("stoppe"), ANSWER_CANCEL },

    { STR_INIT("hold"), ANSWER_HOLD },
    { STR_INIT("holding"), ANSWER_HOLD },
    { STR_INIT("ask"), ANSWER_HOLD },
    { STR_INIT("asking"), ANSWER_HOLD },
    { STR_INIT("question"), ANSWER_HOLD },
    { STR_INIT("questions"), ANSWER_HOLD },
    { STR_INIT("requirement"), ANSWER_HOLD },
    { STR_INIT("requirements"), ANSWER_HOLD },
    { STR_INIT("requiring"), ANSWER_HOLD },
    { STR_INIT("rule"), ANSWER_HOLD },
    { STR_INIT("exception"), ANSWER_HOLD },
    { STR_INIT("halten"), ANSWER_HOLD },
    { STR_INIT("anhalten"), ANSWER_HOLD },
    { STR_INIT("zurueckhalten"), ANSWER_HOLD },
    { STR_INIT("frage"), ANSWER_HOLD },
    { STR_INIT("fragen"), ANSWER_HOLD },
    { STR_INIT("nachfrage"), ANSWER_HOLD },
    { STR_INIT("nachfragen"), ANSWER_HOLD },
    { STR_INIT("anforderung"), ANSWER_HOLD },
    { STR_INIT("pflicht"), ANSWER_HOLD },
    { STR_INIT("zwang"), ANSWER_HOLD },
    { STR_INIT("regel"), ANSWER_HOLD },
    { STR_INIT("ausnahme"), ANSWER_HOLD },

    { STR_INIT("retry"), ANSWER_RETRY },
    { STR_INIT("try"), ANSWER_RETRY },
    { STR_INIT("again"), ANSWER_RETRY },
    { STR_INIT("nochmal"), ANSWER_RETRY },
    { STR_INIT("nochmals"), ANSWER_RETRY },
    { STR_INIT("erneut"), ANSWER_RETRY },
    { STR_INIT("wieder"), ANSWER_RETRY },
    { STR_INIT("wiederholen"), ANSWER_RETRY },
    { STR_INIT("wiederhole"), ANSWER_RETRY },
    { STR_INIT("versuchen"), ANSWER_RETRY },
    { STR_INIT("versuche"), ANSWER_RETRY },
    { STR_INIT("versuch"), ANSWER_RETRY },
    { STR_INIT("versuch's"), ANSWER_RETRY },
    { STR_INIT("probieren"), ANSWER_RETRY },
    { STR_INIT("probiere"), ANSWER_RETRY },
    { STR_INIT("probier"), ANSWER_RETRY },
    { STR_INIT("probier's"), ANSWER_RETRY },

    { STR_INIT("send"), ANSWER_SEND },
    { STR_INIT("deliver"), ANSWER_SEND },
    { STR_INIT("senden"), ANSWER_SEND },
    { STR_INIT("sende"), ANSWER_SEND },
    { STR_INIT("absenden"), ANSWER_SEND },
    { STR_INIT("versenden"), ANSWER_SEND },
    { STR_INIT("versende"), ANSWER_SEND },
    { STR_INIT("schicken"), ANSWER_SEND },
    { STR_INIT("schicke"), ANSWER_SEND },
    { STR_INIT("schick"), ANSWER_SEND },
    { STR_INIT("abschicken"), ANSWER_SEND },
    { STR_INIT("verschicken"), ANSWER_SEND },
    { STR_INIT("verschicke"), ANSWER_SEND },
    { STR_INIT("zustellen"), ANSWER_SEND },
    { STR_INIT("ausliefern"), ANSWER_SEND },

    { STR_INIT("just"), ANSWER_ONLY },
    { STR_INIT("only"), ANSWER_ONLY },
    { STR_INIT("nur"), ANSWER_ONLY },
    { STR_INIT("bloss"), ANSWER_ONLY },
    { STR_INIT("ausschliesslich"), ANSWER_ONLY },

    { STR_INIT("this"), ANSWER_THIS },
    { STR_INIT("diese"), ANSWER_THIS },
    { STR_INIT("diesen"), ANSWER_THIS },
    { STR_INIT("dieses"), ANSWER_THIS },
    { STR_INIT("dies"), ANSWER_THIS },

    { STR_INIT("message"), ANSWER_MESSAGE },
    { STR_INIT("mail"), ANSWER_MESSAGE },
    { STR_INIT("email"), ANSWER_MESSAGE },
    { STR_INIT("e-mail"), ANSWER_MESSAGE },
    { STR_INIT("one"), ANSWER_MESSAGE },
    { STR_INIT("nachricht"), ANSWER_MESSAGE },
    { STR_INIT("eine"), ANSWER_MESSAGE },
    { STR_INIT("brief"), ANSWER_MESSAGE },

    { STR_INIT("whitelist"), ANSWER_WHITELIST },
    { STR_INIT("allowlist"), ANSWER_WHITELIST },
    { STR_INIT("allow"), ANSWER_WHITELIST },
    { STR_INIT("trust"), ANSWER_WHITELIST },
    { STR_INIT("whitelisten"), ANSWER_WHITELIST },
    { STR_INIT("erlauben"), ANSWER_WHITELIST },
    { STR_INIT("erlaube"), ANSWER_WHITELIST },
    { STR_INIT("erlaub"), ANSWER_WHITELIST },
    { STR_INIT("vertrauen"), ANSWER_WHITELIST },
    { STR_INIT("vertraue"), ANSWER_WHITELIST },
    { STR_INIT("vertrau"), ANSWER_WHITELIST },
    { STR_INIT("zulassen"), ANSWER_WHITELIST },
    { STR_INIT("freischalten"), ANSWER_WHITELIST },
    { STR_INIT("freigeben"), ANSWER_WHITELIST },

    { STR_INIT("please"), ANSWER_FILLER },
    { STR_INIT("yes"), ANSWER_FILLER },
    { STR_INIT("ok"), ANSWER_FILLER },
    { STR_INIT("okay"), ANSWER_FILLER },
    { STR_INIT("to"), ANSWER_FILLER },
    { STR_INIT("bitte"), ANSWER_FILLER },
    { STR_INIT("ja"), ANSWER_FILLER },
    { STR_INIT("mal"), ANSWER_FILLER },
    { STR_INIT("an"), ANSWER_FILLER },
    { STR_INIT("anyway"), ANSWER_FILLER },
    { STR_INIT("anyhow"), ANSWER_FILLER },
    { STR_INIT("do"), ANSWER_FILLER },
    { STR_INIT("of"), ANSWER_FILLER },
    { STR_INIT("for"), ANSWER_FILLER },
    { STR_INIT("put"), ANSWER_FILLER },
    { STR_INIT("on"), ANSWER_FILLER },
    { STR_INIT("my"), ANSWER_FILLER },
    { STR_INIT("server"), ANSWER_FILLER },
    { STR_INIT("domain"), ANSWER_FILLER },
    { STR_INIT("thanks"), ANSWER_FILLER },
    { STR_INIT("trotzdem"), ANSWER_FILLER },
    { STR_INIT("dennoch"), ANSWER_FILLER },
    { STR_INIT("auf"), ANSWER_FILLER },
    { STR_INIT("ab"), ANSWER_FILLER },
    { STR_INIT("von"), ANSWER_FILLER },
    { STR_INIT("setze"), ANSWER_FILLER },
    { STR_INIT("setz"), ANSWER_FILLER },
    { STR_INIT("meine"), ANSWER_FILLER },
    { STR_INIT("danke"), ANSWER_FILLER },

    { STR_INIT("and"), ANSWER_AND },
    { STR_INIT("und"), ANSWER_AND },

    { STR_INIT("it"), ANSWER_IT },
    { STR_INIT("them"), ANSWER_IT },
    { STR_INIT("sie"), ANSWER_IT },
    { STR_INIT("es"), ANSWER_IT },
    { STR_INIT("ihn"), ANSWER_IT },

    { STR_INIT("once"), ANSWER_ONCE },
    { STR_INIT("einmal"), ANSWER_ONCE },
    { STR_INIT("einmalig"), ANSWER_ONCE },

    { STR_INIT("the"), ANSWER_ARTICLE },
    { STR_INIT("der"), ANSWER_ARTICLE },
    { STR_INIT("die"), ANSWER_ARTICLE },
    { STR_INIT("das"), ANSWER_ARTICLE },
    { STR_INIT("den"), ANSWER_ARTICLE },
    { STR_INIT("dem"), ANSWER_ARTICLE },
    { STR_INIT("without"), ANSWER_WITHOUT },
    { STR_INIT("no"), ANSWER_WITHOUT },
    { STR_INIT("ohne"), ANSWER_WITHOUT },
    { STR_INIT("kein"), ANSWER_WITHOUT },
    { STR_INIT("keine"), ANSWER_WITHOUT },
    { STR_INIT("keinen"), ANSWER_WITHOUT },
    { STR_INIT("keinem"), ANSWER_WITHOUT },
    { STR_INIT("keiner"), ANSWER_WITHOUT },
    { STR_INIT("tls"), ANSWER_TLS },
    { STR_INIT("encryption"), ANSWER_TLS },
    { STR_INIT("verschluesselung"), ANSWER_TLS },

    { STR_INIT("unencrypted"), ANSWER_PLAIN },
    { STR_INIT("insecure"), ANSWER_PLAIN },
    { STR_INIT("unverschluesselt"), ANSWER_PLAIN },
    { STR_INIT("unsicher"), ANSWER_PLAIN },
    { STR_INIT("encrypted"), ANSWER_SECURE },
    { STR_INIT("secure"), ANSWER_SECURE },
    { STR_INIT("securely"), ANSWER_SECURE },
    { STR_INIT("safely"), ANSWER_SECURE },
    { STR_INIT("verschluesselt"), ANSWER_SECURE },
    { STR_INIT("sicher"), ANSWER_SECURE },
    { STR_INIT("sichere"), ANSWER_SECURE },
    { STR_INIT("sicheren"), ANSWER_SECURE },
    { STR_INIT("encrypt"), ANSWER_SECURE },
    { STR_INIT("ssl"), ANSWER_SECURE },
    { STR_INIT("starttls"), ANSWER_SECURE },
    { STR_INIT("certificate"), ANSWER_SECURE },
    { STR_INIT("protected"), ANSWER_SECURE },
    { STR_INIT("verschluessele"), ANSWER_SECURE },
    { STR_INIT("verschluesseln"), ANSWER_SECURE },
    { STR_INIT("zertifikat"), ANSWER_SECURE },
    { STR_INIT("geschuetzt"), ANSWER_SECURE },

    { STR_INIT("now"), ANSWER_NOW },
    { STR_INIT("today"), ANSWER_NOW },
    { STR_INIT("jetzt"), ANSWER_NOW },
    { STR_INIT("heute"), ANSWER_NOW },
    { STR_INIT("sofort"), ANSWER_NOW },
    { STR_INIT("gleich"), ANSWER_NOW },
    { STR_INIT("later"), ANSWER_LATER },
    { STR_INIT("tomorrow"), ANSWER_LATER },
    { STR_INIT("spaeter"), ANSWER_LATER },
    { STR_INIT("morgen"), ANSWER_LATER },
};

/* What two words mean together and neither of them alone. */
static const struct {
    str word;
    struct entry next;
} pairs[] = {
    { STR_INIT("guten"), { STR_INIT("morgen"), ANSWER_GREETING } },
    { STR_INIT("guten"), { STR_INIT("tag"), ANSWER_GREETING } },
    { STR_INIT("guten"), { STR_INIT("abend"), ANSWER_GREETING } },
    { STR_INIT("thank"), { STR_INIT("you"), ANSWER_FILLER } },
    { STR_INIT("vielen"), { STR_INIT("dank"), ANSWER_FILLER } },
    { STR_INIT("go"), { STR_INIT("ahead"), ANSWER_FILLER } },
    { STR_INIT("jeden"), { STR_INIT("fall"), ANSWER_FILLER } },
    { STR_INIT("once"), { STR_INIT("more"), ANSWER_RETRY } },
    { STR_INIT("this"), { STR_INIT("once"), ANSWER_THIS } },
    { STR_INIT("this"), { STR_INIT("time"), ANSWER_THIS } },
    { STR_INIT("i"), { STR_INIT("trust"), ANSWER_WHITELIST } },
    { STR_INIT("i"), { STR_INIT("allow"), ANSWER_WHITELIST } },
    { STR_INIT("ich"), { STR_INIT("vertraue"), ANSWER_WHITELIST } },
    { STR_INIT("ich"), { STR_INIT("erlaube"), ANSWER_WHITELIST } },
    { STR_INIT("i"), { STR_INIT("will"), ANSWER_DOUBT } },
    { STR_INIT("do"), { STR_INIT("i"), ANSWER_DOUBT } },
    { STR_INIT("can"), { STR_INIT("i"), ANSWER_DOUBT } },
    { STR_INIT("should"), { STR_INIT("i"), ANSWER_DOUBT } },
    { STR_INIT("kann"), { STR_INIT("ich"), ANSWER_DOUBT } },
    { STR_INIT("soll"), { STR_INIT("ich"), ANSWER_DOUBT } },
    { STR_INIT("wie"), { STR_INIT("kann"), ANSWER_DOUBT } },
    { STR_INIT("was"), { STR_INIT("passiert"), ANSWER_DOUBT } },
    { STR_INIT("was"), { STR_INIT("geschieht"), ANSWER_DOUBT } },
    { STR_INIT("noch"), { STR_INIT("nicht"), ANSWER_DOUBT } },
    { STR_INIT("noch"), { STR_INIT("einmal"), ANSWER_RETRY } },
    { STR_INIT("noch"), { STR_INIT("mal"), ANSWER_RETRY } },
    { STR_INIT("whitelist"), { STR_INIT("tls"), ANSWER_WHITELIST } },
    { STR_INIT("weisse"), { STR_INIT("liste"), ANSWER_WHITELIST } },
    { STR_INIT("weissen"), { STR_INIT("liste"), ANSWER_WHITELIST } },
    { STR_INIT("any"), { STR_INIT("tls"), ANSWER_TLS } },
    { STR_INIT("any"), { STR_INIT("encryption"), ANSWER_TLS } },
    { STR_INIT("jede"), { STR_INIT("verschluesselung"), ANSWER_TLS } },
    { STR_INIT("jegliche"), { STR_INIT("verschluesselung"), ANSWER_TLS } },
    { STR_INIT("any"), { STR_INIT("server"), ANSWER_ANY } },
    { STR_INIT("any"), { STR_INIT("servers"), ANSWER_ANY } },
    { STR_INIT("jeder"), { STR_INIT("server"), ANSWER_ANY } },
    { STR_INIT("jeden"), { STR_INIT("server"), ANSWER_ANY } },
    { STR_INIT("jedem"), { STR_INIT("server"), ANSWER_ANY } },
    { STR_INIT("beliebigen"), { STR_INIT("server"), ANSWER_ANY } },
    { STR_INIT("beliebiger"), { STR_INIT("server"), ANSWER_ANY } },
    { STR_INIT("alle"), { STR_INIT("server"), ANSWER_ANY } },
    { STR_INIT("allen"), { STR_INIT("servern"), ANSWER_ANY } },
    { STR_INIT("mail"), { STR_INIT("von"), ANSWER_DOUBT } },
    { STR_INIT("email"), { STR_INIT("von"), ANSWER_DOUBT } },
    { STR_INIT("e-mail"), { STR_INIT("von"), ANSWER_DOUBT } },
    { STR_INIT("nachricht"), { STR_INIT("von"), ANSWER_DOUBT } },
    { STR_INIT("this"), { STR_INIT("domain"), ANSWER_FILLER } },
    { STR_INIT("this"), { STR_INIT("server"), ANSWER_FILLER } },
    { STR_INIT("diese"), { STR_INIT("domain"), ANSWER_FILLER } },
    { STR_INIT("dieser"), { STR_INIT("domain"), ANSWER_FILLER } },
    { STR_INIT("diesen"), { STR_INIT("server"), ANSWER_FILLER } },
};

/* ---- one spelling for all ---- */

/* Umlauts, also as a mark behind a letter, and whatever keyboards have for an apostrophe. */
static const struct {
    str from;
    str to;
} spellings[] = {
    { STR_INIT("\xc3\xa4"), STR_INIT("ae") },    { STR_INIT("\xc3\x84"), STR_INIT("ae") },
    { STR_INIT("\xc3\xb6"), STR_INIT("oe") },    { STR_INIT("\xc3\x96"), STR_INIT("oe") },
    { STR_INIT("\xc3\xbc"), STR_INIT("ue") },    { STR_INIT("\xc3\x9c"), STR_INIT("ue") },
    { STR_INIT("\xc3\x9f"), STR_INIT("ss") },    { STR_INIT("\xe1\xba\x9e"), STR_INIT("ss") },
    { STR_INIT("\xcc\x88"), STR_INIT("e") },     { STR_INIT("\xe2\x80\x91"), STR_INIT("-") },
    { STR_INIT("\xc2\xb4"), STR_INIT("'") },     { STR_INIT("`"), STR_INIT("'") },
    { STR_INIT("\xe2\x80\x98"), STR_INIT("'") }, { STR_INIT("\xe2\x80\x99"), STR_INIT("'") },
    { STR_INIT("\xca\xbc"), STR_INIT("'") },     { STR_INIT("\xe2\x80\xb2"), STR_INIT("'") },
};

/* The word as it stands in the tables, in `out`; empty when it is too long for that. */
static str spell(str word, char out[WORD_MAX])
{
    size_t n = 0;
    while (word.n > 0) {
        char c = word.p[0];
        str to = str_of(&c, 1);
        size_t taken = 1;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 'a' - 'A');
        for (size_t i = 0; i < COUNT_OF(spellings); i++) {
            if (str_has_prefix(word, spellings[i].from)) {
                to = spellings[i].to;
                taken = spellings[i].from.n;
                break;
            }
        }
        if (n + to.n > WORD_MAX)
            return STR_EMPTY;
        memcpy(out + n, to.p, to.n);
        n += to.n;
        word = str_skip(word, taken);
    }
    return str_of(out, n);
}

enum answer_meaning answer_meaning_of(str word, str next, bool *is_pair)
{
    char one[WORD_MAX];
    char two[WORD_MAX];
    word = spell(word, one);
    next = spell(next, two);
    *is_pair = false;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        if (str_eq(word, pairs[i].word) && str_eq(next, pairs[i].next.word)) {
            *is_pair = true;
            return pairs[i].next.meaning;
        }
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_eq(word, words[i].word))
            return words[i].meaning;
    }
    return ANSWER_NOTHING;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What people answer when they are asked what to do with held mail, and the address they answer
 * to. */
#include "submit/answer.h"
#include "submit/answer_text.h"
#include "submit/answer_words.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const str author = STR_INIT("\"Bob Miller\" <mia.winter@example.org>");

static const struct {
    const char *text;
    const char *says; /* NULL: not understood */
    const char *domain;
    bool any;
} cases[] = {
    { "cancel", "cancel", "", false },
    /* names and farewells below an order, and what stands above a quotation */
    { "send just this\r\nBob", "send", "", false },
    { "send just this\nRegards,\nMia", "send", "", false },
    { "send just this\nBest regards\nMia Winter\n", "send", "", false },
    { "send just this\nSent from my iPhone", "send", "", false },
    { "Send just this, please.\nThanks, Mia", "send", "", false },
    { "whitelist shady.net\nBob", "whitelist", "shady.net", false },
    { "whitelist shady.net\nThanks, Mia", "whitelist", "shady.net", false },
    { "sende nur diese\nViele Gr\xc3\xbc\xc3\x9f"
      "e\nMia",
      "send", "", false },
    { "sende nur diese\nVon meinem iPhone gesendet", "send", "", false },
    { "nur diese senden\nMit freundlichen Gr\xc3\xbc\xc3\x9f"
      "en\nM. O'Neill",
      "send", "", false },
    { "send just this\nOn Sat, 21 Nov 2026 at 10:00, Mail System\n<m@example.org> wrote:\n> cancel",
      "send", "", false },
    { "cancel\nBob", "cancel", "", false },
    { "send just this\nMia Winter", "send", "", false },
    { "send just this\nBob Smith", NULL, "", false },
    { "send just this\nLeo", NULL, "", false },
    { "send just this\nCheers\nLeo", "send", "", false },
    { "whitelist shady.net\nTemporarily", NULL, "", false },
    { "Erlaube shady.net\nVor\xc3\xbc"
      "bergehend",
      NULL, "", false },
    { "send just this\nPassword-protected", NULL, "", false },
    { "send it\nRegards\nTLS-encrypted", NULL, "", false },
    { "Bitte nur diese senden\nPer Einschreiben", NULL, "", false },
    { "bitte senden\n\xc3\xbc"
      "bermorgen",
      NULL, "", false },
    { "send just this\n\xd1\x82\xd0\xbe\xd0\xbb\xd1\x8c\xd0\xba\xd0\xbe", NULL, "", false },
    { "send just this\nif they encrypt it", NULL, "", false },
    { "send just this\nover TLS", NULL, "", false },
    { "send just this\nMonday", NULL, "", false },
    { "send just this\nASAP via PGP", NULL, "", false },
    { "send just this to\nBob", NULL, "", false },
    { "send just this\nuse another address\nBob", NULL, "", false },
    { "send just this\nRegards, not before you asked Bob", NULL, "", false },
    { "send just this\nonly if:\n> it is encrypted", NULL, "", false },
    { "trust\nOn 3 days they failed, which of them:\nMia", NULL, "", false },
    { "add shady.net to the whitelist", "whitelist", "shady.net", false },
    { "always trust shady.net", "whitelist", "shady.net", false },
    { "whitelist the domain shady.net permanently", "whitelist", "shady.net", false },
    { "Please whitelist shady.net for me", "whitelist", "shady.net", false },
    { "Please just send it, it's fine", "send", "", false },
    { "I want you to send just this email", "send", "", false },
    { "resend", "retry", "", false },
    { "I trust you", NULL, "", false },
    { "I trust you to send it", NULL, "", false },
    { "show it to me", NULL, "", false },
    { "Cancel it, please.\r\n", "cancel", "", false },
    { "Do not send it!", "cancel", "", false },
    { "don't send", "cancel", "", false },
    { "Don\xe2\x80\x99t send this.", "cancel", "", false },
    { "retry", "retry", "", false },
    { "Please try again", "retry", "", false },
    { "send it again", "retry", "", false },
    { "\r\n\r\n  RETRY  \r\n", "retry", "", false },
    { "send just this", "send", "", false },
    { "\"send just this\"", "send", "", false },
    { "> cancel\n>> retry\nOK, send just this one\n> whitelist x.test", "send", "", false },
    { "Hello,\n\nsend it\n", "send", "", false },
    { "Dear Mail Delivery System,\nplease deliver this one anyway\n", "send", "", false },
    { "whitelist shady.net", "whitelist", "shady.net", false },
    { "Whitelist Shady.NET.", "whitelist", "Shady.NET", false },
    { "whitelist <shady.net> and send it", "whitelist", "shady.net", false },
    { "whitelist b\xc3\xbc"
      "cher.example",
      "whitelist",
      "b\xc3\xbc"
      "cher.example",
      false },
    { "whitelist shady.net without TLS", "whitelist", "shady.net", true },
    { "allow shady.net, no encryption", "whitelist", "shady.net", true },
    { "trust any server of shady.net", "whitelist", "shady.net", true },
    { "whitelist", "whitelist", "", false },
    { "send\n-- \ncancel\n", "send", "", false },
    { "just this", "send", "", false },
    { "Only this message, please.", "send", "", false },
    { "Whitelist this domain: shady.net", "whitelist", "shady.net", false },
    { "whitelist tls shady.net", "whitelist", "shady.net", false },
    { "Cancel it, they are insecure", "cancel", "", false },
    { "try again later", "retry", "", false },
    { "abbrechen", "cancel", "", false },
    { "Bitte abbrechen!", "cancel", "", false },
    { "Brich das bitte ab.", "cancel", "", false },
    { "\xe2\x80\x9e"
      "abbrechen\xe2\x80\x9c",
      "cancel", "", false },
    { "L\xc3\x96SCHEN", "cancel", "", false },
    { "loesche sie", "cancel", "", false },
    { "l\xc3\xb6sche sie", "cancel", "", false },
    { "lo\xcc\x88sche sie", "cancel", "", false },
    { "Nur diese l\xc3\xb6schen", "cancel", "", false },
    { "Bitte nicht senden.", "cancel", "", false },
    { "Schick sie nicht ab", "cancel", "", false },
    { "Hallo,\n\nzur\xc3\xbc"
      "ckziehen\n",
      "cancel", "", false },
    { "noch einmal", "retry", "", false },
    { "NOCH EINMAL!", "retry", "", false },
    { "Bitte versuche es sp\xc3\xa4ter noch mal.", "retry", "", false },
    { "nochmal senden", "retry", "", false },
    { "erneut versuchen", "retry", "", false },
    { "Probier's nochmals", "retry", "", false },
    { "nur diese", "send", "", false },
    { "Ja, nur diese eine Nachricht bitte", "send", "", false },
    { "nur dieses Mal", "send", "", false },
    { "Nur diese senden", "send", "", false },
    { "Bitte trotzdem schicken", "send", "", false },
    { "Guten Morgen,\nbitte sende sie, unverschl\xc3\xbcsselt", "send", "", false },
    { "Sehr geehrte Damen und Herren,\nsenden", "send", "", false },
    { "> abbrechen\nnur diese", "send", "", false },
    { "Send just this, bitte", "send", "", false },
    { "whitelist shady.net bitte", "whitelist", "shady.net", false },
    { "Erlaube shady.net", "whitelist", "shady.net", false },
    { "Bitte nur shady.net erlauben", "whitelist", "shady.net", false },
    { "Ich vertraue \xc2\xbbshady.net\xc2\xab.", "whitelist", "shady.net", false },
    { "Setze shady.net auf die wei\xc3\x9f"
      "e Liste",
      "whitelist", "shady.net", false },
    { "Auf jeden Fall shady.net erlauben", "whitelist", "shady.net", false },
    { "erlaube shady.net ohne TLS", "whitelist", "shady.net", true },
    { "shady.net ohne jede Verschl\xc3\xbcsselung zulassen", "whitelist", "shady.net", true },
    { "Erlaube jeden Server von shady.net", "whitelist", "shady.net", true },
    { "senden\n-- \nabbrechen\n", "send", "", false },
    { "do not\nsend it", "cancel", "", false },
    { "Do not send it, please", "cancel", "", false },
    { "Sende sie bitte nicht", "cancel", "", false },
    { "Don`t send it", "cancel", "", false },
    { "don\xca\xbct send", "cancel", "", false },
    { "bitte\xc2\xa0nicht\xe2\x80\xafsenden", "cancel", "", false },
    { "Please\nsend just this\n> cancel", "send", "", false },
    { "send it\n\nThey answered nothing?", "send", "", false },
    { "Hi,\nsend it once", "send", "", false },
    { "Send it just this once", "send", "", false },
    { "send\xe2\x80\x94please", "send", "", false },
    { "Hello Postmaster\n\nsend it", "send", "", false },
    { "Ohne TLS senden", "send", "", true },
    { "try once more", "retry", "", false },
    { "Send it, thanks!", "send", "", false },
    { "I trust shady.net", "whitelist", "shady.net", false },
    { "Put shady.net on the whitelist", "whitelist", "shady.net", false },
    { "allow shady.net without any encryption, please", "whitelist", "shady.net", true },
    { "Erlaube\nshady.net\nohne TLS", "whitelist", "shady.net", true },
    { "Erlaube shady.net und sende sie", "whitelist", "shady.net", false },
    { "trust this server", "whitelist", "", false },
    { "Diese Domain erlauben", "whitelist", "", false },
    { "whitelist shady.net and send the mail", "whitelist", "shady.net", false },
    { "cancel\n\nWhy is this so hard?", "cancel", "", false },
    { "send just this\n\nMia Winter\n\nIf you are not meant, delete this.", "send", "", false },
    { "No, cancel", "cancel", "", false },
    { "No, don't send it", "cancel", "", false },
    { "no, please do not send it.", "cancel", "", false },
    { "No thanks, cancel it.", "cancel", "", false },
    { "Nein, abbrechen", "cancel", "", false },
    { "nein bitte nicht senden", "cancel", "", false },
    { "Don't send it, cancel", "cancel", "", false },
    { "Cancel it. Do not send it.", "cancel", "", false },
    { "L\xc3\xb6sch die Mail", "cancel", "", false },
    { "Bitte den Versand abbrechen.", "cancel", "", false },
    { "Hello mail system, cancel", "cancel", "", false },
    { "Dear Sir or Madam,\nplease cancel", "cancel", "", false },
    { "Good morning,\n\nretry please", "retry", "", false },
    { "Sure, send it", "send", "", false },
    { "Einfach senden", "send", "", false },
    { "I know the risk, send just this", "send", "", false },
    { "Ich kenne das Risiko, bitte senden", "send", "", false },
    { "whitelist shady.net and retry", "whitelist", "shady.net", false },
    { "shady.net erlauben und nochmal versuchen", "whitelist", "shady.net", false },
    { "Please add this domain to the whitelist.", "whitelist", "", false },
    { "Bitte shady.net auf die Whitelist setzen", "whitelist", "shady.net", false },
    { "whitelist shady.net <http://shady.net>", "whitelist", "shady.net", false },
    { "whitelist shady.net<http://shady.net/> without TLS", "whitelist", "shady.net", true },
    { "whitelist [shady.net](https://shady.net)", "whitelist", "shady.net", false },
    { "whitelist shady.net even without TLS", "whitelist", "shady.net", true },
    { "On 11/23/26 02:00, Mail System wrote:\n> cancel\n\nsend just this", "send", "", false },
    { "Am 23.11.26 um 02:00 schrieb\nMail <m@x.test>:\n\n> senden\n\nabbrechen", "cancel", "",
      false },
    { "Mail System <m@x.test> schrieb am 23. Nov. 2026:\n> senden\n\nabbrechen", "cancel", "",
      false },
    { "cancel\nAm Mo., 23. Nov. 2026 schrieb Mail <m@x.test>:\n> senden", "cancel", "", false },
    { "retry\n________________________________\nFrom: Mail System <m@x.test>", "retry", "", false },
    { "send just this\n-----Original Message-----\nFrom: Mail System", "send", "", false },
    { "send just this\nFrom: Mail System <m@x.test>\nSent: Monday", "send", "", false },
    { "nur diese\n*Von:* Mail System\nGesendet: Montag", "send", "", false },
    { "Bitte raus schicken", "send", "", false },
    { "Schick sie raus", "send", "", false },
    { "cancel the mail, wrong address", "cancel", "", false },
    { "Cancel this message.\nIt has mistakes", "cancel", "", false },
    { "L\xc3\xb6sch das, die Adresse ist falsch", "cancel", "", false },
    { "Sure, do not send it", "cancel", "", false },
    { "Yes, cancel it", "cancel", "", false },
    { "cancel sending", "cancel", "", false },
    { "Stop sending it, please", "cancel", "", false },
    { "Please cancel my message\nRegards\nMia", "cancel", "", false },
    { "Send it, I know the risk", "send", "", false },
    { "Egal, senden", "send", "", false },
    /* Not understood. */
    { "Not sure\nsend it anyway", NULL, "", false },
    { "not sure send it", NULL, "", false },
    { "Not my risk\nsend it", NULL, "", false },
    { "send it\nnot sure", NULL, "", false },
    { "send it anyway\nnot my risk", NULL, "", false },
    { "Not OK\nsend it", NULL, "", false },
    { "Not this server\nsend it", NULL, "", false },
    { "Not this\nsend it", NULL, "", false },
    { "Nicht egal\nsenden", NULL, "", false },
    { "Sende sie trotzdem\nnicht mein Risiko", NULL, "", false },
    { "not this send it", NULL, "", false },
    { "send it not cancel", NULL, "", false },
    { "Sicher nicht mein Risiko, senden", NULL, "", false },
    { "shady.net bitte von der Whitelist raus", NULL, "", false },
    { "Whitelist: shady.net raus", NULL, "", false },
    { "shady.net von der Whitelist", NULL, "", false },
    { "shady.net von der wei\xc3\x9f"
      "en Liste runter",
      NULL, "", false },
    { "shady.net runter von der Whitelist", NULL, "", false },
    { "Bitte shady.net von der Whitelist streichen", NULL, "", false },
    { "Whitelist: shady.net entfernen", NULL, "", false },
    { "Nimm shady.net von der Whitelist", NULL, "", false },
    { "shady.net raus aus der Whitelist", NULL, "", false },
    { "Whitelist, shady.net weg", NULL, "", false },
    { "whitelist shady.net: remove", NULL, "", false },
    { "Whitelist: drop shady.net", NULL, "", false },
    { "Drop shady.net from the whitelist", NULL, "", false },
    { "shady.net off the whitelist", NULL, "", false },
    { "shady.net out of the whitelist", NULL, "", false },
    { "Whitelist: shady.net out", NULL, "", false },
    { "take shady.net from the whitelist", NULL, "", false },
    { "shady.net of the whitelist", NULL, "", false },
    { "Get shady.net off my whitelist", NULL, "", false },
    { "delete shady.net from the whitelist", NULL, "", false },
    { "Cancel my subscription", NULL, "", false },
    { "cancel my flight please", NULL, "", false },
    { "cancel\nmy flight", NULL, "", false },
    { "Cancel the mail subscription", NULL, "", false },
    { "cancel this subscription", NULL, "", false },
    { "Delete this domain", NULL, "", false },
    { "L\xc3\xb6sche meinen Account", NULL, "", false },
    { "Storno der Buchung", NULL, "", false },
    { "Stop the newsletter", NULL, "", false },
    { "cancel it tomorrow", NULL, "", false },
    { "Cancel it they said", NULL, "", false },
    { "Yes, allow", NULL, "", false },
    { "Bitte erlauben", NULL, "", false },
    { "Trust", NULL, "", false },
    { "whitelist my domain", NULL, "", false },
    { "allow shady.net for one mail", NULL, "", false },
    { "Erlaube shady.net f\xc3\xbcr eine Nachricht", NULL, "", false },
    { "whitelist mail to shady.net", NULL, "", false },
    { "send just this\n\nBut only if it is encrypted", NULL, "", false },
    { "cancel\r\n \r\nActually, don't", NULL, "", false },
    { "Nur diese senden\n\n\nAber erst morgen", NULL, "", false },
    { "nope", NULL, "", false },
    { "Nein danke", NULL, "", false },
    { "No, send it", NULL, "", false },
    { "No worries, send it", NULL, "", false },
    { "Nein, nicht abbrechen", NULL, "", false },
    { "Nein, das Abbrechen war ein Fehler", NULL, "", false },
    { "do not cancel, send it", NULL, "", false },
    { "abbrechen nicht senden", NULL, "", false },
    { "Nicht einfach senden", NULL, "", false },
    { "You mustn't delete it", NULL, "", false },
    { "I wouldn't cancel it", NULL, "", false },
    { "I'd rather keep it than cancel", NULL, "", false },
    { "I have to cancel my flight", NULL, "", false },
    { "Please undo the cancel", NULL, "", false },
    { "I know only this message", NULL, "", false },
    { "whitelist and retry", NULL, "", false },
    { "whitelist shady.net and retry later", NULL, "", false },
    { "whitelist shady.net <http://other.test>", NULL, "", false },
    { "send just this to bob@shady.net", NULL, "", false },
    { "cancel it for bob@shady.net", NULL, "", false },
    { "do not send it to bob@shady.net", NULL, "", false },
    { "send just this\nFrom: now on they encrypt", NULL, "", false },
    { "On 11/23/26 02:00, Mail System wrote:\n> cancel\nsend just this if encrypted", NULL, "",
      false },
    { "-----Original Message-----\n\nsend just this", NULL, "", false },
    { "Nein", NULL, "", false },
    { "Nein, senden", NULL, "", false },
    { "nicht abbrechen", NULL, "", false },
    { "nie wieder versuchen", NULL, "", false },
    { "noch nicht senden", NULL, "", false },
    { "Nicht nur diese senden", NULL, "", false },
    { "nicht nur diese", NULL, "", false },
    { "nicht ohne TLS senden", NULL, "", false },
    { "auf keinen Fall senden", NULL, "", false },
    { "abbrechen oder senden", NULL, "", false },
    { "Abbrechen?", NULL, "", false },
    { "Soll ich abbrechen", NULL, "", false },
    { "Was passiert, wenn ich abbreche", NULL, "", false },
    { "warum nicht einfach senden", NULL, "", false },
    { "Sende sie, wenn es sicher geht", NULL, "", false },
    { "Nur verschl\xc3\xbcsselt senden", NULL, "", false },
    { "mit TLS senden", NULL, "", false },
    { "Schick sie mir zur\xc3\xbc"
      "ck",
      NULL, "", false },
    { "Ich werde sie selbst schicken", NULL, "", false },
    { "Die habe ich schon per Post geschickt", NULL, "", false },
    { "Ich lese hier nur diese Mail", NULL, "", false },
    { "Erlaube alles", NULL, "", false },
    { "allow everything", NULL, "", false },
    { "Jetzt nicht senden", NULL, "", false },
    { "Erlaube nur diese", NULL, "", false },
    { "Erlaube diese Nachricht an shady.net", NULL, "", false },
    { "Erlaube bob@shady.net", NULL, "", false },
    { "sp\xc3\xa4ter senden", NULL, "", false },
    { "Ich wei\xc3\x9f nicht", NULL, "", false },
    { "Hallo, ich wei\xc3\x9f nicht\nsenden", NULL, "", false },
    { "Am Montag schrieb das Mailsystem:\n> senden", NULL, "", false },
    { "Ich bin bis zum 4. im Urlaub", NULL, "", false },
    { "do not send without TLS", NULL, "", false },
    { "don't just send it", NULL, "", false },
    { "do not send it yet", NULL, "", false },
    { "No, allow shady.net, with TLS", NULL, "", false },
    { "send it only if it is encrypted", NULL, "", false },
    { "send it securely", NULL, "", false },
    { "send it with TLS", NULL, "", false },
    { "send it back to me", NULL, "", false },
    { "send it, but to somebody else", NULL, "", false },
    { "I will send it by post", NULL, "", false },
    { "what happens if I cancel", NULL, "", false },
    { "allow just this", NULL, "", false },
    { "allow this message to shady.net", NULL, "", false },
    { "retry without TLS", NULL, "", false },
    { "This is only this week's news", NULL, "", false },
    { "", NULL, "", false },
    { "\r\n\r\n", NULL, "", false },
    { "yes", NULL, "", false },
    { "ok thanks", NULL, "", false },
    { "-- \ncancel\n", NULL, "", false },
    { "> cancel\n> send", NULL, "", false },
    { "cancel or send", NULL, "", false },
    { "Can I trust shady.net?", NULL, "", false },
    { "Why did you not just send it? ", NULL, "", false },
    { "What happens to it if I cancel?!", NULL, "", false },
    { "do not cancel", NULL, "", false },
    { "never retry", NULL, "", false },
    { "do not whitelist, send", NULL, "", false },
    { "not not send", NULL, "", false },
    { "no, send it", NULL, "", false },
    { "send without", NULL, "", false },
    { "whitelist a.example and b.example", NULL, "", false },
    { "On Monday the mail system wrote:\n> send", NULL, "", false },
    { "I am on holiday until the 4th", NULL, "", false },
    { "I wouldn't trust shady.net without TLS", NULL, "", false },
    { "You mustn't send it.", NULL, "", false },
    { "I refuse to send it unencrypted.", NULL, "", false },
    { "It is too risky to send this now.", NULL, "", false },
    { "Ich kann shady.net kaum vertrauen", NULL, "", false },
    { "Es ist zu gef\xc3\xa4hrlich, das jetzt zu senden", NULL, "", false },
    { "Bitte nciht senden", NULL, "", false },
    { "Remove shady.net from the whitelist", NULL, "", false },
    { "Take shady.net off the whitelist", NULL, "", false },
    { "Please send me the whitelist", NULL, "", false },
    { "Show me the whitelist", NULL, "", false },
    { "Allow me some time to think", NULL, "", false },
    { "Allow shady.net to send", NULL, "", false },
    { "allow it", NULL, "", false },
    { "Trust any server", NULL, "", false },
    { "Entferne shady.net von der wei\xc3\x9f"
      "en Liste",
      NULL, "", false },
    { "L\xc3\xb6sche shady.net von der wei\xc3\x9f"
      "en Liste",
      NULL, "", false },
    { "Encrypt it and send it", NULL, "", false },
    { "Bitte verschl\xc3\xbcsseln und senden", NULL, "", false },
    { "Verschl\xc3\xbcssele und sende sie", NULL, "", false },
    { "send it, SSL", NULL, "", false },
    { "send with STARTTLS", NULL, "", false },
    { "trust the certificate of shady.net", NULL, "", false },
    { "Vertraue dem Zertifikat von shady.net", NULL, "", false },
    { "send it protected", NULL, "", false },
    { "Bitte gesch\xc3\xbctzt senden", NULL, "", false },
    { "Send it once they have fixed the server", NULL, "", false },
    { "Send it once the server is secure", NULL, "", false },
    { "Retry once they have fixed it", NULL, "", false },
    { "Einmal senden", NULL, "", false },
    { "allow shady.net once", NULL, "", false },
    { "Erlaube shady.net einmal", NULL, "", false },
    { "Erlaube shady.net einmalig", NULL, "", false },
    { "Allow shady.net now", NULL, "", false },
    { "Allow shady.net today", NULL, "", false },
    { "Allow shady.net this time", NULL, "", false },
    { "Erlaube shady.net heute", NULL, "", false },
    { "send/encrypted", NULL, "", false },
    { "send\xe2\x80\xa6not", NULL, "", false },
    { "nicht\xe2\x80\x93senden", NULL, "", false },
    { "Please send it only\nif it is encrypted", NULL, "", false },
    { "Please send it, but\nnot without TLS", NULL, "", false },
    { "Hello, I refuse to\nsend it", NULL, "", false },
    { "Hello all you people out there,\nsend it", NULL, "", false },
    { "Hello Postmaster\nsend it", NULL, "", false },
    { "allow shady.net without TLS certificate", NULL, "", false },
    { "allow any mail of shady.net without TLS encryption", NULL, "", false },
    { "whitelist shady.net, it is insecure", NULL, "", false },
    { "Erlaube shady.net, unsicher", NULL, "", false },
    { "No, TLS please, send it", NULL, "", false },
    { "Allow any domain", NULL, "", false },
    { "Never mind, send it", NULL, "", false },
    { "Don't worry, send it", NULL, "", false },
    { "Ich habe nichts dagegen, bitte senden", NULL, "", false },
    { "Not this, send it", NULL, "", false },
    { "Send it, not this", NULL, "", false },
    { "Do not hold, send it", NULL, "", false },
    { "Drop the TLS requirement", NULL, "", false },
    { "Cancel the hold", NULL, "", false },
    { "Please stop holding my mail", NULL, "", false },
    { "Stop asking", NULL, "", false },
    { "Do I trust shady.net", NULL, "", false },
    { "Allow TLS", NULL, "", false },
    { "trust TLS of shady.net", NULL, "", false },
    { "Erlaube Mail von shady.net", NULL, "", false },
    { "I send it", NULL, "", false },
};

static void what_people_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer answer;
        bool good = answer_parse(str_from_cstr(cases[i].text), author, &answer);
        if (good != (cases[i].says != NULL))
            fail_msg("\"%s\" was %sunderstood", cases[i].text, good ? "" : "not ");
        if (!good)
            continue;
        if (strcmp(queue_choice_name(answer.choice), cases[i].says) != 0 ||
            answer.any != cases[i].any || !str_eq(answer.domain, str_from_cstr(cases[i].domain))) {
            fail_msg("\"%s\": %s %.*s", cases[i].text, queue_choice_name(answer.choice),
                     STR_FMT(answer.domain));
        }
    }
}

/* ---- whatever the words ---- */

enum {
    SENTENCES = 2000,
    WORDS_MAX = 1000,
    SENTENCE_MAX = 8 /* words */
};

struct sentence {
    char text[512];
    unsigned part;                        /* of the sentence, up to a comma or stop */
    unsigned of[ANSWER_N_MEANINGS];       /* how many words */
    unsigned parts_of[ANSWER_N_MEANINGS]; /* in which parts, a bit each */
};

/* Marsaglia's, so that each run has the same sentences. */
static uint32_t draw(uint32_t *seed, size_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return (uint32_t)(*seed % n);
}

/* Each of them by itself. */
struct vocabulary {
    uint8_t means[WORDS_MAX]; /* enum answer_meaning */
    size_t n;
};

static void collect(struct vocabulary *v)
{
    str word;
    bool is_pair;
    for (v->n = 0; answer_word_at(v->n, &word); v->n++) {
        assert_true(v->n < WORDS_MAX);
        v->means[v->n] = (uint8_t)answer_meaning_of(word, STR_EMPTY, &is_pair);
    }
}

/* The word with what stands behind it. */
static void say(struct sentence *s, const struct vocabulary *v, size_t which, const char *mark)
{
    str word = STR_EMPTY;
    size_t n = strlen(s->text);
    assert_true(answer_word_at(which, &word));
    (void)snprintf(s->text + n, sizeof(s->text) - n, "%.*s%s", STR_FMT(word), mark);
    s->of[v->means[which]]++;
    s->parts_of[v->means[which]] |= 1U << s->part;
    s->part += mark[0] == ',' || mark[0] == '.';
}

/* Any of those that mean this. */
static size_t draw_of(const struct vocabulary *v, enum answer_meaning meaning, uint32_t *seed)
{
    size_t from = draw(seed, v->n);
    for (size_t i = 0; i < v->n; i++) {
        if (v->means[(from + i) % v->n] == meaning)
            return (from + i) % v->n;
    }
    fail_msg("no word means %d", (int)meaning);
    return 0;
}

/* Of all words, or of those that are met beside orders. */
static size_t draw_any(const struct vocabulary *v, uint32_t *seed)
{
    static const enum answer_meaning near[] = {
        ANSWER_NOT,     ANSWER_SEND,   ANSWER_CANCEL, ANSWER_IT,        ANSWER_THIS, ANSWER_ARTICLE,
        ANSWER_MESSAGE, ANSWER_FILLER, ANSWER_ASIDE,  ANSWER_WHITELIST, ANSWER_NO,   ANSWER_OF,
    };
    if (draw(seed, 4) == 0)
        return draw(seed, v->n);
    return draw_of(v, near[draw(seed, COUNT_OF(near))], seed);
}

/* Two words of what is given, and others between and around. */
static void make_sentence(struct sentence *s, const struct vocabulary *v, enum answer_meaning one,
                          enum answer_meaning two, uint32_t *seed)
{
    static const char *const marks[] = { " ", " ", " ", "\n", ", ", ". " };
    size_t n = 2 + draw(seed, SENTENCE_MAX - 1);
    size_t first = draw(seed, n);
    size_t second = (first + 1 + draw(seed, n - 1)) % n;
    *s = (struct sentence){ .text = "" };
    for (size_t i = 0; i < n; i++) {
        size_t which = i == first    ? draw_of(v, one, seed)
                       : i == second ? draw_of(v, two, seed)
                                     : draw_any(v, seed);
        say(s, v, which, marks[draw(seed, COUNT_OF(marks))]);
    }
}

static void what_is_negated_is_not_done(void **state)
{
    static const enum answer_meaning nots[] = { ANSWER_NOT, ANSWER_NO };
    static const enum answer_meaning orders[] = { ANSWER_SEND, ANSWER_WHITELIST, ANSWER_ALLOW };
    uint32_t seed = 20261123;
    struct vocabulary v = { .n = 0 };
    (void)state;
    collect(&v);
    for (unsigned i = 0; i < SENTENCES; i++) {
        struct sentence s;
        struct answer answer;
        make_sentence(&s, &v, nots[i % COUNT_OF(nots)], orders[i % COUNT_OF(orders)], &seed);
        if (!answer_parse(str_from_cstr(s.text), author, &answer))
            continue;
        if (answer.choice != QUEUE_CHOICE_CANCEL)
            fail_msg("\"%s\": %s", s.text, queue_choice_name(answer.choice));
    }
}

static void to_send_and_to_cancel_is_no_order(void **state)
{
    uint32_t seed = 20261124;
    struct vocabulary v = { .n = 0 };
    (void)state;
    collect(&v);
    for (unsigned i = 0; i < SENTENCES; i++) {
        struct sentence s;
        struct answer answer;
        make_sentence(&s, &v, ANSWER_SEND, ANSWER_CANCEL, &seed);
        if (!answer_parse(str_from_cstr(s.text), author, &answer))
            continue;
        /* "Do not send it, cancel": each says the same, by itself. */
        unsigned sends = s.parts_of[ANSWER_SEND] | s.parts_of[ANSWER_NOT];
        if (answer.choice != QUEUE_CHOICE_CANCEL || s.of[ANSWER_NOT] != 1 ||
            s.of[ANSWER_SEND] != 1 || (s.parts_of[ANSWER_CANCEL] & sends) != 0)
            fail_msg("\"%s\": %s", s.text, queue_choice_name(answer.choice));
    }
}

/* "not sure send it": no word makes of it what cannot be undone, but those that belong to "not
 * send". */
static void not_this_and_send_cancels_nothing(void **state)
{
    static const bool inside[ANSWER_N_MEANINGS] = {
        [ANSWER_FILLER] = true, [ANSWER_IT] = true,      [ANSWER_ARTICLE] = true,
        [ANSWER_THIS] = true,   [ANSWER_MESSAGE] = true,
    };
    static const struct {
        const char *before;
        const char *behind;
    } forms[] = {
        { "not ", " send it" },  { "Not ", "\nsend it" },     { "send it\nnot ", "" },
        { "nicht ", " senden" }, { "Nicht ", "\nsende sie" },
    };
    struct vocabulary v = { .n = 0 };
    str word;
    (void)state;
    collect(&v);
    for (size_t i = 0; answer_word_at(i, &word); i++) {
        for (size_t k = 0; k < COUNT_OF(forms) && !inside[v.means[i]]; k++) {
            char text[128];
            struct answer answer;
            (void)snprintf(text, sizeof(text), "%s%.*s%s", forms[k].before, STR_FMT(word),
                           forms[k].behind);
            if (answer_parse(str_from_cstr(text), author, &answer))
                fail_msg("\"%s\": %s", text, queue_choice_name(answer.choice));
        }
    }
}

/* Who writes a novel, or hides an order behind many lines, is not understood. */
/* What programs for mail make of an answer. */
static void forms(void **state)
{
    static const char plain[] = "Content-Type: text/plain\r\n\r\n";
    static const char html[] = "Content-Type: text/html; charset=utf-8\r\n\r\n";
    static const struct {
        const char *header;
        const char *body;
        const char *says; /* NULL: not understood */
    } all[] = {
        { plain, "send just this\r\n", "send" },
        { "\r\n", "send just this\r\n", "send" },
        { html,
          "<div dir=\"ltr\">send just this</div><br><div class=\"gmail_quote\"><div>On Sat, 21 Nov "
          "2026 at 10:00, M &lt;m@example.org&gt; wrote:<br></div><blockquote>cancel</blockquote></div>",
          "send" },
        { html,
          "<div dir=\"ltr\">send just this</div><div>On Sat, 21 Nov 2026 at 10:00, M "
          "wrote:</div><blockquote>cancel</blockquote>",
          "send" },
        { html, "<p>send just this</p><p>Bob</p>", "send" },
        { html, "<div>send just this</div><div><br></div><div>Bob, who sells</div>", "send" },
        { html, "<div>send just this</div><div>Bob</div>", "send" },
        { html, "<p>send just this</p><hr><b>From:</b> mailer", "send" },
        { html, "<blockquote>cancel</blockquote><p>retry</p>", "retry" },
        { html, "<div>send just this<br>if it is encrypted</div>", NULL },
        { html, "<p>send just this</p><p>if they encrypt it</p>", NULL },
        { html, "<div>send just this</div><ul><li>only if encrypted</li></ul>", NULL },
        { html, "<p>send just this</p><p>&nbsp;if they encrypt it</p>", NULL },
        { html, "<p>send just this</p><p>&nbsp;</p><p><b>From:</b> mailer</p>", "send" },
        { html, "<p>send just this&nbsp;</p><p>if they encrypt it</p>", NULL },
        { html, "<style>p{}</style><p>cancel</p>", "cancel" },
        { html,
          "<p class=MsoNormal>whitelist <a href=\"http://shady.net\">shady.net</a><o:p></o:p></p>",
          "whitelist" },
        { "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
          "quoted-printable\r\n\r\n",
          "l=F6schen\r\n", "cancel" },
        { "Content-Type: text/plain; charset=windows-1252\r\nContent-Transfer-Encoding: "
          "quoted-printable\r\n\r\n",
          "Don=92t send it\r\n", "cancel" },
        { "Content-Type: text/plain; format=flowed\r\nContent-Transfer-Encoding: base64\r\n\r\n",
          "c2VuZCBqdXN0IA0KdGhpcw0K", "send" },
        { "Content-Type: multipart/alternative; boundary=b\r\n\r\n",
          "--b\r\nContent-Type: text/plain\r\n\r\nretry\r\n--b\r\nContent-Type: "
          "text/html\r\n\r\n<p>cancel</p>\r\n--b--\r\n",
          "retry" },
        { "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
          "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: cancel\r\n\r\ncancel\r\n--b\r\nContent-Type: "
          "text/plain\r\n\r\nretry\r\n--b--\r\n",
          "retry" },
        { "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
          "--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; "
          "filename=cancel.txt\r\n\r\ncancel\r\n--b--\r\n",
          NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct arena a;
        struct answer answer;
        arena_init(&a);
        str content = arena_printf(&a, "Subject: x\r\n%s%s", all[i].header, all[i].body);
        bool is_clear = answer_parse(answer_text_of(&a, content), author, &answer);
        const char *says = is_clear ? queue_choice_name(answer.choice) : "nothing";
        if (strcmp(says, all[i].says ? all[i].says : "nothing") != 0)
            fail_msg("%s says %s", all[i].body, says);
        arena_fini(&a);
    }
}

static void limits(void **state)
{
    (void)state;
    struct answer answer;
    struct buf text;
    buf_init(&text, 100000);
    for (unsigned i = 0; i < ANSWER_WORDS_MAX - 1; i++)
        buf_addf(&text, "please ");
    buf_addf(&text, "send");
    assert_true(answer_parse(buf_str(&text), author, &answer));
    buf_addf(&text, " it");
    assert_false(answer_parse(buf_str(&text), author, &answer));
    buf_clear(&text);
    for (unsigned i = 0; i < ANSWER_LINES_MAX - 1; i++)
        buf_addf(&text, "\n");
    buf_addf(&text, "send");
    assert_true(answer_parse(buf_str(&text), author, &answer));
    buf_clear(&text);
    for (unsigned i = 0; i < ANSWER_LINES_MAX; i++)
        buf_addf(&text, "\n");
    buf_addf(&text, "send");
    assert_false(answer_parse(buf_str(&text), author, &answer));
    buf_fini(&text);
}

static void addresses(void **state)
{
    (void)state;
    static const uint8_t secret[QUEUE_TOKEN_SIZE] = { 1, 2, 3, 250, 251, 252, 0, 9, 8, 7, 255 };
    static const char *const bases[] = { "mia@example.org", "mia+news@example.org",
                                         "abcdefghijklmnopqrstuvwxyz1234567@example.org" };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(bases); i++) {
        uint8_t read[QUEUE_TOKEN_SIZE] = { 0 };
        str address = answer_address_make(&a, str_from_cstr(bases[i]), secret);
        assert_true(answer_address_parse(address, read));
        assert_memory_equal(read, secret, sizeof(read));
        char *upper = arena_cstr(&a, address);
        for (size_t k = 0; upper[k]; k++)
            upper[k] = (char)(upper[k] >= 'a' && upper[k] <= 'z' ? upper[k] - 32 : upper[k]);
        memset(read, 0, sizeof(read));
        assert_true(answer_address_parse(str_from_cstr(upper), read));
        assert_memory_equal(read, secret, sizeof(read));
    }
    str good = answer_address_make(&a, STR("mia@example.org"), secret);
    uint8_t out[QUEUE_TOKEN_SIZE];
    assert_int_equal(good.n, strlen("mia+tls-@example.org") + 26);
    assert_int_equal(
        answer_address_make(&a, STR("abcdefghijklmnopqrstuvwxyz12345678@x.test"), secret).n, 0);
    assert_int_equal(answer_address_make(&a, STR("nothing"), secret).n, 0);
    assert_false(answer_address_parse(STR("mia@example.org"), out));
    assert_false(answer_address_parse(STR("mia+tls-short@example.org"), out));
    assert_false(answer_address_parse(str_skip(good, 3), out)); /* no name before the tag */
    assert_false(answer_address_parse(STR("mia+tls-%%%%%%%%%%%%%%%%%%%%%%%%%%@example.org"), out));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_say),
        cmocka_unit_test(what_is_negated_is_not_done),
        cmocka_unit_test(to_send_and_to_cancel_is_no_order),
        cmocka_unit_test(not_this_and_send_cancels_nothing),
        cmocka_unit_test(forms),
        cmocka_unit_test(limits),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests_name("submit/answer", tests, NULL, NULL);
}

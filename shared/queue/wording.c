/* SPDX-License-Identifier: Apache-2.0 */
/* The words of mails to people. */
#include "queue/wording.h"

#include "base/date.h"
#include "mime/date.h"

/* ---- reports ---- */

static const struct dsn_wording dsn_wordings[N_LANGUAGES] = {
    [LANGUAGE_ENGLISH] = {
        .greeting = "This is the mail system at {}.\r\n\r\n",
        .actions = {
            [DSN_FAILED] = {
                "Undelivered mail returned to sender",
                "Your message could not be delivered to the recipients below. It will not be\r\n"
                "tried again.\r\n" },
            [DSN_DELAYED] = {
                "Delayed mail: delivery is still being tried",
                "Your message has not been delivered yet to the recipients below. You need\r\n"
                "not do anything: it is tried again until it is delivered or given up.\r\n" },
            [DSN_RELAYED] = {
                "Mail passed on to the next server",
                "You asked to be told: your message was passed on for the recipients below.\r\n"
                "The server that took it does not report whether it was delivered.\r\n" },
            [DSN_DELIVERED] = {
                "Mail delivered",
                "You asked to be told: your message is in the mailboxes of the recipients\r\n"
                "below.\r\n" },
        },
        .given_up = "It is given up on {}.\r\n",
        .said = "    {} said: ",
        .tried = "    Last tried at {}: ",
        .no_reason = "no reason is known",
        .expired = "    It has been in the queue since {}.\r\n",
        .more = "\r\n... and {} more, listed in the report.\r\n",
        .cut = "\r\nOf your message, only the first 64 kB are enclosed.\r\n",
        .queue_id = "\r\nQueue id: {}\r\n",
    },
    [LANGUAGE_GERMAN] = {
        .greeting = "Hier ist das Mailsystem von {}.\r\n\r\n",
        .actions = {
            [DSN_FAILED] = {
                "Nicht zustellbar: Nachricht geht an den Absender zurück",
                "Deine Nachricht konnte den folgenden Empfängern nicht zugestellt werden. Es wird\r\n"
                "nicht noch einmal versucht.\r\n" },
            [DSN_DELAYED] = {
                "Verzögerte Nachricht: die Zustellung wird weiter versucht",
                "Deine Nachricht ist den folgenden Empfängern noch nicht zugestellt. Du musst\r\n"
                "nichts tun: es wird weiter versucht, bis sie ankommt oder aufgegeben wird.\r\n" },
            [DSN_RELAYED] = {
                "Nachricht an den nächsten Server weitergegeben",
                "Du wolltest Bescheid: Deine Nachricht wurde für die folgenden Empfänger\r\n"
                "weitergegeben. Der Server, der sie nahm, meldet nicht, ob sie ankam.\r\n" },
            [DSN_DELIVERED] = {
                "Nachricht zugestellt",
                "Du wolltest Bescheid: Deine Nachricht liegt in den Postfächern der folgenden\r\n"
                "Empfänger.\r\n" },
        },
        .given_up = "Aufgegeben wird sie am {}.\r\n",
        .said = "    {} sagte: ",
        .tried = "    Zuletzt versucht bei {}: ",
        .no_reason = "ein Grund ist nicht bekannt",
        .expired = "    Sie lag seit dem {} in der Warteschlange.\r\n",
        .more = "\r\n... und {} weitere, die im Bericht stehen.\r\n",
        .cut = "\r\nVon deiner Nachricht liegen nur die ersten 64 kB bei.\r\n",
        .queue_id = "\r\nNummer in der Warteschlange: {}\r\n",
    },
};

const struct dsn_wording *wording_of_dsn(enum language language)
{
    return &dsn_wordings[language];
}

/* ---- questions ---- */

static const struct hold_wording hold_wordings[N_LANGUAGES] = {
    [LANGUAGE_ENGLISH] = {
        .subject = "Your mail to {} could not be sent securely",
        .subject_unclear = "Not understood: ",
        .unclear = "Your answer was not understood, and nothing was done. Only the first paragraph\r\n"
                   "of an answer is read; it may say one thing only.\r\n\r\n",
        .subject_late = "Nothing to decide any more",
        .your_answer = "Your answer\r\n\r\n",
        .late = "\r\nwent to a question that is not open any more, and changed nothing there. The message\r\n"
                "was decided about before, perhaps by yourself (when an answer comes here twice, the\r\n"
                "first one has counted), or it went back to you. If you were asked about it again\r\n"
                "since, answer the newer mail.\r\n",
        .greeting = "This is the mail system at {}.\r\n\r\n",
        .your_message = "Your message\r\n\r\n",
        .about = "    Subject: {}\r\n",
        .to = "    To:      {}\r\n",
        .more = "             and {} more\r\n",
        .sent = "    Sent:    {}\r\n",
        .not_sent = "\r\nhas not been sent, because it cannot go securely:\r\n\r\n",
        .unproven = "    The server's certificate does not prove that it is the right one.\r\n\r\n",
        .unsecured = "    No secure connection to the server came about.\r\n\r\n",
        .reason = "    Reason:      {}\r\n",
        .server = "    Server:      {}\r\n",
        .certificate = "    Certificate: {}\r\n",
        .doubt = "\r\nThe server may only be set up badly. But somebody on the way could also pretend"
                 " to be\r\nthat server, and read or change the message.\r\n\r\n",
        .answer = "Please decide: answer this mail from your account on this server, with one of"
                  " these on\r\nthe first line:\r\n\r\n",
        .choices = "    cancel\r\n"
                   "        The message is not sent at all.\r\n\r\n"
                   "    retry\r\n"
                   "        It is tried again, and goes if it can go securely now.\r\n\r\n"
                   "    send just this\r\n"
                   "        This one message is sent as it is, however insecure.\r\n\r\n",
        .whitelist = "    whitelist {}\r\n"
                     "        It is sent, and so is all your further mail to {}, as long as\r\n"
                     "        the server there has the same key as now.\r\n\r\n",
        .whitelist_any = "    whitelist {} without TLS\r\n"
                         "        It is sent, and so is all your further mail to {}, to any\r\n"
                         "        server that says it is in charge there, also without encryption.\r\n",
        .ask_somebody = "Ask whoever runs this mail server to decide (heronry queue decide {}).\r\n",
        .until = "\r\nWithout a decision until {} the message is returned to you.\r\n",
        .queue_id = "\r\nQueue id: {}\r\n",
    },
    [LANGUAGE_GERMAN] = {
        .subject = "Deine Nachricht an {} konnte nicht sicher gesendet werden",
        .subject_unclear = "Nicht verstanden: ",
        .unclear = "Deine Antwort wurde nicht verstanden, und nichts ist geschehen. Nur der erste Absatz\r\n"
                   "einer Antwort wird gelesen; er darf nur eines sagen.\r\n\r\n",
        .subject_late = "Nichts mehr zu entscheiden",
        .your_answer = "Deine Antwort\r\n\r\n",
        .late = "\r\nging an eine Frage, die nicht mehr offen ist, und hat dort nichts geändert. Über die\r\n"
                "Nachricht wurde schon entschieden, vielleicht von dir (kommt eine Antwort zweimal an,\r\n"
                "hat die erste gezählt), oder sie kam zu dir zurück. Wurdest du seitdem noch einmal nach\r\n"
                "ihr gefragt, antworte auf die neuere Mail.\r\n",
        .greeting = "Hier ist das Mailsystem von {}.\r\n\r\n",
        .your_message = "Deine Nachricht\r\n\r\n",
        .about = "    Betreff:  {}\r\n",
        .to = "    An:       {}\r\n",
        .more = "              und {} weitere\r\n",
        .sent = "    Gesendet: {}\r\n",
        .not_sent = "\r\nwurde nicht weitergeschickt, weil sie nicht sicher ans Ziel kommt:\r\n\r\n",
        .unproven = "    Das Zertifikat des Servers beweist nicht, dass er der richtige ist.\r\n\r\n",
        .unsecured = "    Eine sichere Verbindung zu dem Server kam nicht zustande.\r\n\r\n",
        .reason = "    Meldung:     {}\r\n",
        .server = "    Server:      {}\r\n",
        .certificate = "    Zertifikat:  {}\r\n",
        .doubt = "\r\nVielleicht ist der Server nur schlecht eingerichtet. Es könnte sich aber auch jemand"
                 "\r\nunterwegs für ihn ausgeben und die Nachricht lesen oder verändern.\r\n\r\n",
        .answer = "Bitte entscheide: Antworte auf diese Mail von deinem Konto auf diesem Server, mit"
                  " einer\r\nder folgenden Antworten in der ersten Zeile:\r\n\r\n",
        .choices = "    abbrechen\r\n"
                   "        Die Nachricht wird gar nicht gesendet.\r\n\r\n"
                   "    noch einmal\r\n"
                   "        Es wird noch einmal versucht; sie geht, wenn es jetzt sicher möglich ist."
                   "\r\n\r\n"
                   "    nur diese\r\n"
                   "        Diese eine Nachricht wird gesendet, wie unsicher es auch ist.\r\n\r\n",
        .whitelist = "    erlaube {}\r\n"
                     "        Sie wird gesendet, und alle weitere Post von dir an {} auch,\r\n"
                     "        solange der Server dort denselben Schlüssel hat wie jetzt.\r\n\r\n",
        .whitelist_any = "    erlaube {} ohne TLS\r\n"
                         "        Sie wird gesendet, und alle weitere Post von dir an {} auch, an\r\n"
                         "        jeden Server, der sich dort für zuständig erklärt, auch unverschlüsselt."
                         "\r\n",
        .ask_somebody = "Frage, wer diesen Mailserver betreibt: der kann entscheiden (heronry queue decide"
                        " {}).\r\n",
        .until = "\r\nOhne eine Entscheidung kommt die Nachricht am {} zu dir zurück.\r\n",
        .queue_id = "\r\nNummer in der Warteschlange: {}\r\n",
    },
};

const struct hold_wording *wording_of_hold(enum language language)
{
    return &hold_wordings[language];
}

/* ---- what is filled in ---- */

bool wording_add(struct buf *out, const char *text, str value)
{
    str rest = str_from_cstr(text);
    ptrdiff_t at = str_find(rest, STR("{}"));
    bool ok = true;
    while (ok && at >= 0) {
        ok = buf_add(out, str_slice(rest, 0, (size_t)at)) && buf_add(out, value);
        rest = str_skip(rest, (size_t)at + strlen("{}"));
        at = str_find(rest, STR("{}"));
    }
    return ok && buf_add(out, rest);
}

static str german_date(struct arena *a, int64_t us)
{
    static const char *const months[] = { "Januar",    "Februar", "März",     "April",
                                          "Mai",       "Juni",    "Juli",     "August",
                                          "September", "Oktober", "November", "Dezember" };
    struct date day;
    date_from_unix_us(us, &day);
    return arena_printf(a, "%d. %s %d, %02d:%02d Uhr (UTC)", day.day, months[day.month - 1],
                        day.year, day.hour, day.minute);
}

static str english_date(struct arena *a, int64_t us)
{
    struct buf text;
    buf_init(&text, 64);
    mime_date_format(us / 1000000, 0, &text);
    str copy = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return copy;
}

str wording_date(struct arena *a, enum language language, int64_t us)
{
    static str (*const dates[])(struct arena *, int64_t) = {
        [LANGUAGE_ENGLISH] = english_date, [LANGUAGE_GERMAN] = german_date
    };
    return dates[language](a, us);
}

# SPDX-License-Identifier: Apache-2.0
"""Mail that looks like real mail, any number of it and always the same for a seed: people who answer
each other, words as frequent as in a language, plain text, quoted-printable, HTML, attachments. The
mean is about 6 kB."""
import base64
import email.utils
import quopri
import random

FIRST = 1_700_000_000
RARE = "moonflower"     # in about one message of 500, in subject and body
NAMES = ("Ada Ben Carla Dana Emil Fatima Goran Hanna Ivo Jana Kofi Lena Mia Nora Omar Petra Quentin Rosa Sven "
         "Tara Ugo Vera Wim Xenia Yuri Zoe").split()
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu stra blen crom drin flau grel plon".split()


class Corpus:
    """`Corpus(n)` iterates n messages: (octets with CRLF, flags as a list, seconds of the internal date)."""

    def __init__(self, count, seed=11):
        self.count = count
        self.chance = random.Random(seed)
        self.vocabulary = self._words(12000)
        # Frequencies as in a language: the n-th word comes in proportion to 1/n.
        self.weights = [1 / (n + 2) for n in range(len(self.vocabulary))]
        self.paragraphs = [self._paragraph() for _ in range(3000)]
        self.subjects = [" ".join(self._some(self.chance.randint(2, 7))).capitalize() for _ in range(4000)]
        self.people = [(f"{self.chance.choice(NAMES)} {self.chance.choice(self.vocabulary).capitalize()}",
                        f"{self.chance.choice(NAMES).lower()}.{n}@{self.chance.choice(self.vocabulary)}.example")
                       for n in range(900)]
        self.former = []

    def _words(self, count):
        words = dict.fromkeys("the of and to in is that for it was on with as be this are from at have not".split())
        while len(words) < count:
            words["".join(self.chance.choice(SYLLABLES) for _ in range(self.chance.randint(1, 4)))] = None
        return list(words)

    def _some(self, count):
        return self.chance.choices(self.vocabulary, self.weights, k=count)

    def _paragraph(self):
        words = self._some(self.chance.randint(30, 120))
        lines = [" ".join(words[i:i + 11]) for i in range(0, len(words), 11)]
        return "\r\n".join(lines).capitalize() + ".\r\n\r\n"

    def __iter__(self):
        for number in range(self.count):
            yield self._message(number)

    def _message(self, number):
        chance = self.chance
        at = FIRST + number * 60
        own_id = f"<{number}.{chance.getrandbits(60):x}@{self.people[number % 900][1].split('@')[1]}>"
        subject, references = chance.choice(self.subjects), []
        if self.former and chance.random() < 0.45:
            parent_subject, chain = chance.choice(self.former[-200:])
            subject = parent_subject if parent_subject.startswith("Re: ") else "Re: " + parent_subject
            references = chain[-8:]
        elif number % 500 == 77:
            subject += " " + RARE
        self.former = [*self.former[-199:], (subject, [*references, own_id])]
        head = [f"Return-Path: <{self.people[number % 900][1]}>",
                f"Received: from mx.example (mx.example [192.0.2.7]) by mail.example; {email.utils.formatdate(at)}",
                "From: {} <{}>".format(*chance.choice(self.people)), "To: {} <{}>".format(*chance.choice(self.people)),
                f"Subject: {subject}", f"Date: {email.utils.formatdate(at)}", f"Message-ID: {own_id}"]
        if references:
            head += [f"In-Reply-To: {references[-1]}", "References: " + "\r\n ".join(references)]
        if chance.random() < 0.3:
            head.append("Cc: " + ",\r\n ".join("{} <{}>".format(*p) for p in chance.choices(self.people, k=3)))
        text = "".join(chance.choices(self.paragraphs, k=min(int(chance.lognormvariate(1.6, 0.8)) + 1, 60)))
        text += f"Note {number} of {chance.choice(self.vocabulary)}{' ' + RARE if number % 500 == 77 else ''}\r\n"
        flags = [f for f, p in (("\\Seen", 0.8), ("\\Flagged", 0.05), ("\\Answered", 0.1)) if chance.random() < p]
        return "\r\n".join([*head, "MIME-Version: 1.0", self._body(number, text)]).encode(), flags, at

    def _body(self, number, text):
        kind = self.chance.random()
        if kind < 0.6:
            return "Content-Type: text/plain; charset=us-ascii\r\n\r\n" + text
        if kind < 0.75:
            coded = quopri.encodestring((text + "Grüße aus Köln\n").replace("\r\n", "\n").encode()).decode()
            return ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                    + coded.replace("\n", "\r\n"))
        mark = f"=_mark{number}"
        other = "text/html; charset=utf-8\r\n\r\n<html><body><p>" + text.replace("\r\n\r\n", "</p>\r\n<p>") + "</p></body></html>\r\n"
        if kind > 0.95:
            octets = self.chance.randbytes(self.chance.randint(5_000, 40_000))
            other = ('application/pdf; name="plan.pdf"\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n'
                     "Content-Transfer-Encoding: base64\r\n\r\n"
                     + base64.encodebytes(octets).decode().replace("\n", "\r\n"))
        kind = "mixed" if kind > 0.95 else "alternative"
        return (f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n\r\n--{mark}\r\nContent-Type: text/plain\r\n\r\n'
                f"{text}\r\n--{mark}\r\nContent-Type: {other}\r\n--{mark}--\r\n")

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks for what no source may hold: unfinished marks, blocking or unbounded calls that the
# compiler cannot refuse, SQL put together from text, libraries outside of their one module.
fault=0
refuse() { # refuse PATTERN WHERE WHY [ALLOWED-PATH-PATTERN]
    hits=$(grep -rnE --include='*.[ch]' "$1" $2 | grep -vE "${4:-^$}")
    [ -z "$hits" ] && return
    printf '%s\n  -> %s\n' "$hits" "$3"
    fault=1
}
refuse 'TODO|FIXME|\bXXX\b' 'shared services tools' 'unfinished work belongs into an issue'
refuse '#include <(ev|libpq-fe|unbound|argon2|zstd|yaml|idn2)\.h>' 'shared services' \
    'a library is seen by one module only' \
    '^shared/(base|runtime|db|dns|crypto|blob|config)/'
refuse '#include <hiredis' 'shared services' 'only shared/redis sees hiredis' '^shared/redis/'
refuse '#include <(h2o|curl/)' 'shared services' 'only shared/http sees libh2o and libcurl' '^shared/http/'
refuse '#include <openssl/(ssl|bio)' 'shared services' 'only shared/net sees SSL' '^shared/net/'
refuse 'PQescape|PQexec\(' 'shared services' 'SQL takes parameters only' '^shared/db/script\.c'
refuse '\b(getaddrinfo|gethostbyname|sleep|usleep)\(' 'shared services' \
    'blocking calls belong into the offload pool' '^shared/net/resolve\.c|^services/supervisor/'
refuse '(SELECT|INSERT|UPDATE|DELETE) .*%(\.\*)?[sdl]' 'shared services' 'SQL is constant text'
hits=$(grep -rnE --include='*.ts' --include='*.svelte' \
    '\{@html|\.(inner|outer)HTML *\+?=[^=]|insertAdjacentHTML|document\.write|\beval\(|new Function\(|srcdoc' services/*/src)
if [ -n "$hits" ]; then
    printf '%s\n  -> %s\n' "$hits" 'the apps make no markup from text (ATTACKS W8); the editor takes what clean.ts let through'
    fault=1
fi
[ $fault -eq 0 ] && echo "words: nothing forbidden found"
exit $fault

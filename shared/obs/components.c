/* SPDX-License-Identifier: Apache-2.0 */
/* The table of events as values. */
#include "obs/components.h"

#include "obs/line.h"

static const struct obs_event_info events[EV_COUNT] = {
#define OBS_EVENT(event, of, at, text) \
    [EV_##event] = { .name = #event, .component = (of), .level = (at), .doc = (text) },
#include "obs/events.def"
#undef OBS_EVENT
};

const struct obs_event_info *obs_event_info(enum obs_event event)
{
    INVARIANT((size_t)event < EV_COUNT);
    return &events[event];
}

bool obs_is_component(str name)
{
    for (size_t i = 0; i < EV_COUNT; i++) {
        if (str_ieq(name, str_from_cstr(events[i].component)))
            return true;
    }
    return false;
}

bool obs_level_parse(str word, enum obs_level *level)
{
    for (enum obs_level i = OBS_DEBUG; i <= OBS_ERROR; i++) {
        if (!str_ieq(word, str_from_cstr(obs_level_name(i))))
            continue;
        *level = i;
        return true;
    }
    return false;
}

bool obs_component_level_parse(str text, str *component, enum obs_level *level)
{
    str word;
    if (!str_cut(text, '=', component, &word))
        return false;
    *component = str_trim(*component);
    return obs_is_component(*component) && obs_level_parse(str_trim(word), level);
}

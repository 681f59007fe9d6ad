/* SPDX-License-Identifier: Apache-2.0 */
/* What the table of events tells: components, levels, and what each event says. Pure. */
#ifndef OBS_COMPONENTS_H
#define OBS_COMPONENTS_H

#include "obs/obs.h"

/* A row of events.def. */
struct obs_event_info {
    const char *name; /* "SMTP_MESSAGE"; the log has it in lower case */
    const char *component;
    enum obs_level level;
    const char *doc;
};

/* Static. */
const struct obs_event_info *obs_event_info(enum obs_event event);

/* Whether some event belongs to this component, in any case of letters. */
bool obs_is_component(str name);

/* The level of such a word, in any case of letters. False: it is none. */
bool obs_level_parse(str word, enum obs_level *level);

/* Reads "smtp=debug"; *component borrows from the text. False: it is not that, or there is no such
 * component or level. */
bool obs_component_level_parse(str text, str *component, enum obs_level *level);

#endif

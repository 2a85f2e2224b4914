/*
 * mix.c - a mean over windows.
 */

#include "store/mix.h"


/* Counters may fall when a process has died: then nothing has grown. */
static uint64_t
growth(uint64_t now, uint64_t then)
{
    return now - fkv__min(now, then);
}


void
fkv__mix_look(fkv__mix_t *mix, uint64_t reads, uint64_t writes,
    uint64_t now_ms)
{
    if (mix->since_ms != 0 && now_ms < mix->since_ms + FKV__MIX_WINDOW_MS) {
        return;
    }

    if (mix->since_ms != 0) {
        mix->reads = (mix->reads + growth(reads, mix->reads_at)) / 2;
        mix->writes = (mix->writes + growth(writes, mix->writes_at)) / 2;
    }

    mix->since_ms = now_ms;
    mix->reads_at = reads;
    mix->writes_at = writes;
}


unsigned
fkv__mix_level_0(const fkv__mix_t *mix, unsigned least, unsigned most)
{
    if (mix->reads == 0) {
        return (mix->writes > 0) ? most : least;
    }

    return (unsigned) fkv__max(fkv__min(least * mix->writes / mix->reads,
                                        (uint64_t) most), (uint64_t) least);
}


unsigned
fkv__mix_runs(const fkv__mix_t *mix, unsigned max)
{
    if (mix->reads == 0) {
        return (mix->writes > 0) ? max : 0;
    }

    return (unsigned) fkv__min(2 * mix->writes / mix->reads, (uint64_t) max);
}

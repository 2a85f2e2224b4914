/*
 * work.h - an operation of a worker, from what is asked to what is answered;
 * between work.c, which begins it, and the files of its kinds: write.c and
 * read.c.
 */

#ifndef FKV_SIM_WORK_H
#define FKV_SIM_WORK_H

#include "sim.h"

#define CHANGES_MAX  4

typedef enum {
    WORK_UPDATE,
    WORK_UPLOAD,                /* of a large value, then its update */
    WORK_GET,
    WORK_SCAN,
    WORK_JOB
} work_e;

/* A lease that everybody may read at. */
typedef struct {
    bool         taken;
    bool         dropping;
    fkv_lease_t  lease;
    uint64_t     lsn;
} snapshot_t;

typedef struct {
    work_e         kind;
    sim_proc_t    *proc;
    uint64_t       lo;              /* visible when it began */
    uint64_t       now_ms;
    snapshot_t    *snapshot;        /* read at; NULL: now */
    unsigned       key;             /* of WORK_GET */

    union {
        fkv_update_t     update;
        fkv_get_t        get;
        fkv_scan_t       scan;
        fkv_blob_read_t  blob;
        fkv_job_t        job;
    };

    unsigned       n;
    bool           refuses;         /* decide() may answer no */
    fkv_change_t   changes[CHANGES_MAX];
    uint32_t       numbers[CHANGES_MAX];
    char           names[CHANGES_MAX][SIM_KEY_BYTES];
    uint8_t       *values[CHANGES_MAX];

    uint32_t       ranges[SIM_KEYS];    /* of a range delete: its writes */
    unsigned       ranges_n;

    /* Of a PUT with elements, in changes[0] or alone. */
    fkv_element_t  elements[SIM_ELEMENTS];
    bool           keeps;           /* the stamp, if there is one */
    uint64_t       stamp;           /* else */

    fkv_upload_t   upload;
    uint64_t       uploaded;        /* bytes */

    uint32_t       found[SIM_KEYS];
    uint64_t       versions[SIM_KEYS];

    uint64_t       version;         /* of a large value that is read */
    uint64_t       hi;
    uint64_t       later_ms;
    uint8_t       *bytes;           /* of what was read of it */
    size_t         len;
} work_t;

/* It is over. */
void  sim_work_end(work_t *work);

/* May a call answer so?  Else the seed has failed. */
void  sim_allow(int rc, const char *what);

/*
 * Who has a value from the engine is stopped before he looks at it: what he
 * was given must stay as it is.
 */
void  sim_dawdle(void);

/* What a reader of now, or of a snapshot, is not to look behind. */
uint64_t sim_read_hi(const work_t *work);

/* Each ends by sim_work_end(). */
void  sim_update_start(work_t *work);
void  sim_upload_start(work_t *work);
void  sim_get_start(work_t *work);
void  sim_scan_start(work_t *work);


#endif /* FKV_SIM_WORK_H */

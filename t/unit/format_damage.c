/*
 * format_damage.c - whole tables with one wrong byte, read as the engine reads
 * them: footer, properties, root, pages, blocks, filter.  Every piece is a copy
 * of exactly its length, so that a sanitizer sees one byte too many.
 */

#include "check.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "format/table.h"

#define FILE_ID  5
#define ROWS     90

typedef struct {
    uint8_t        key[24];
    fkv__record_t  rec;
} row_t;

typedef struct {
    fkv__buf_t           file;
    fkv__table_info_t    info;
    fkv__block_place_t   properties;
    fkv__block_place_t   pieces[64];    /* all that has a trailer */
    unsigned             pieces_n;
} table_t;

static row_t    rows[ROWS];
static uint8_t  value[200];


static void
table_make(table_t *table, fkv__block_type_e type)
{
    uint64_t               random = 91;
    fkv__table_builder_t   builder;
    fkv__table_info_t      info;
    fkv__table_options_t   options = {
        .block_bytes = 512, .bits_per_key = 10, .fingers = true,
        .page_bytes = 80, .compression = type
    };

    memset(table, 0, sizeof(*table));
    memset(value, 'v', sizeof(value));
    fkv__table_builder_init(&builder, FILE_ID, &options);

    for (unsigned i = 0; i < ROWS; i++) {
        row_t  *row = &rows[i];
        int     n = sprintf((char *) row->key + 1, "key%06u", i / 2 * 37);

        row->rec = (fkv__record_t) {
            .kind = i % 9 == 0 ? FKV__RECORD_TOMBSTONE : FKV__RECORD_VALUE,
            .version = 1000 - i,
            .expire_at = i % 5 == 0 ? 77777 : 0,
            .key = { row->key, (size_t) n + 3 },
            .value = { value, i % 9 == 0 ? 0 : check_random(&random) % 90 }
        };

        assert_int_equal(fkv__table_builder_add(&builder, &row->rec), FKV_OK);
    }

    assert_int_equal(fkv__table_builder_finish(&builder, &table->info),
                     FKV_OK);
    assert_int_equal(fkv__buf_append(&table->file, builder.out.data,
                                     builder.out.len),
                     FKV_OK);
    fkv__table_builder_done(&builder);

    assert_true(table->info.index_pages >= 2);
    assert_int_equal(table->info.filter_pages, 1);

    assert_int_equal(
        fkv__table_footer_get(table->file.data + table->file.len
                              - FKV__TABLE_FOOTER_BYTES,
                              table->file.len, &info, &table->properties),
        FKV_OK);
    fkv__table_info_done(&info);
}


static void
table_done(table_t *table)
{
    fkv__table_info_done(&table->info);
    fkv__buf_done(&table->file);
}


/* One piece in memory of its own. */
typedef struct {
    uint8_t     *raw;
    fkv__buf_t   room;
    fkv_str_t    payload;
} piece_t;


static int
piece_open(piece_t *piece, table_t *table, fkv__block_place_t place)
{
    size_t  len = place.bytes + FKV__BLOCK_TRAILER_BYTES;

    memset(piece, 0, sizeof(*piece));

    if (place.offset > table->file.len || len > table->file.len - place.offset)
    {
        return FKV_ECORRUPT;
    }

    if (table->pieces_n < 64) {
        table->pieces[table->pieces_n++] = place;
    }

    piece->raw = check_copy(table->file.data + place.offset, len);

    return fkv__block_open(piece->raw, len, FILE_ID, place.offset,
                           &piece->room, &piece->payload);
}


static void
piece_done(piece_t *piece)
{
    fkv__buf_done(&piece->room);
    free(piece->raw);
}


/* FKV_OK: it has row number at, and so on; at is moved. */
static int
block_read(table_t *table, fkv__block_place_t place, unsigned *at)
{
    fkv__block_iter_t  it;
    piece_t            piece;
    int                rc = piece_open(&piece, table, place);

    if (rc == FKV_OK) {
        rc = fkv__block_iter_init(&it, piece.payload);

        while (rc == FKV_OK && (rc = fkv__block_iter_next(&it)) == FKV_OK) {
            fkv__record_t  found;
            fkv_str_t      key = it.rec.key;

            rc = fkv__block_find(piece.payload, key, fkv__hash(key),
                                 it.rec.version, &found);

            if (rc == FKV_OK && *at < ROWS
                && fkv__str_eq(key, rows[*at].rec.key)
                && fkv__str_eq(found.value, rows[*at].rec.value)
                && found.version == rows[*at].rec.version
                && found.expire_at == rows[*at].rec.expire_at
                && found.kind == rows[*at].rec.kind)
            {
                (*at)++;
                continue;
            }

            rc = (rc == FKV_OK || rc == FKV_NOTFOUND) ? FKV_EXISTS : rc;
        }

        fkv__block_iter_done(&it);
        rc = (rc == FKV_END) ? FKV_OK : rc;
    }

    piece_done(&piece);

    return rc;
}


/* All that is below an index page. */
static int
page_read(table_t *table, fkv__block_place_t place, unsigned depth,
    unsigned *at)
{
    fkv__index_t  index;
    piece_t       piece;
    int           rc = piece_open(&piece, table, place);

    if (rc == FKV_OK) {
        rc = fkv__index_open(&index, piece.payload);
    }

    for (uint32_t i = 0; rc == FKV_OK && i < index.n; i++) {
        fkv__block_place_t  next;

        rc = fkv__table_place(&table->info, depth, &index, i, &next);

        if (rc == FKV_OK && depth + 1 < fkv__table_depth(&table->info)) {
            rc = page_read(table, next, depth + 1, at);

        } else if (rc == FKV_OK) {
            rc = block_read(table, next, at);
        }
    }

    piece_done(&piece);

    return rc;
}


static int
filter_read(table_t *table)
{
    piece_t  piece;
    int      rc;

    rc = piece_open(&piece, table, (fkv__block_place_t) {
        table->info.filter_offset,
        FKV__FILTER_PAGE_BYTES - FKV__BLOCK_TRAILER_BYTES });

    for (unsigned i = 0; rc == FKV_OK && i < ROWS; i++) {
        if (!fkv__filter_maybe(piece.payload, fkv__hash(rows[i].rec.key),
                               table->info.filter_pages))
        {
            rc = FKV_EXISTS;
        }
    }

    piece_done(&piece);

    return rc;
}


/* Footer and properties, as on opening it by itself. */
static int
info_read(table_t *table)
{
    fkv__table_info_t    info;
    fkv__block_place_t   place;
    uint8_t             *footer, *raw;
    size_t               len;
    int                  rc;

    footer = check_copy(table->file.data + table->file.len
                        - FKV__TABLE_FOOTER_BYTES, FKV__TABLE_FOOTER_BYTES);
    rc = fkv__table_footer_get(footer, table->file.len, &info, &place);
    free(footer);

    if (rc != FKV_OK) {
        return rc;
    }

    len = place.bytes + FKV__BLOCK_TRAILER_BYTES;
    raw = check_copy(table->file.data + place.offset, len);
    rc = fkv__table_properties_get(raw, len, place.offset, &info);
    free(raw);
    fkv__table_info_done(&info);

    return rc;
}


/* FKV_OK all rows and nothing else; FKV_EXISTS something else is there. */
static int
table_read(table_t *table)
{
    unsigned  at = 0;
    int       rc = info_read(table);

    table->pieces_n = 0;

    if (rc == FKV_OK) {
        rc = page_read(table, fkv__table_root(&table->info), 0, &at);
    }

    if (rc == FKV_OK) {
        rc = filter_read(table);
    }

    return (rc == FKV_OK && at != ROWS) ? FKV_EXISTS : rc;
}


static const fkv__block_type_e  types[] = {
    FKV__BLOCK_PLAIN, FKV__BLOCK_LZ4, FKV__BLOCK_ZSTD
};


/* Only what fills up to the filter's page may differ unseen. */
static void
every_wrong_byte_is_found_but_in_the_padding(void **state)
{
    uint64_t  random = 92;

    (void) state;

    for (unsigned t = 0; t < 3; t++) {
        table_t             table;
        fkv__block_place_t  last = { 0, 0 };
        size_t              data_end;

        table_make(&table, types[t]);
        assert_int_equal(table_read(&table), FKV_OK);

        for (unsigned i = 0; i < table.pieces_n; i++) {
            if (table.pieces[i].offset < table.info.filter_offset
                && table.pieces[i].offset >= last.offset)
            {
                last = table.pieces[i];
            }
        }

        data_end = last.offset + last.bytes + FKV__BLOCK_TRAILER_BYTES;
        assert_true(data_end < table.info.filter_offset);

        for (size_t i = 0; i < table.file.len; i++) {
            bool  padding = i >= data_end && i < table.info.filter_offset;

            for (unsigned turn = 0; turn < 2; turn++) {
                uint8_t  flip = (uint8_t) (1 + check_random(&random) % 255);
                int      rc;

                flip = turn ? flip : (uint8_t) (1 << i % 8);
                table.file.data[i] ^= flip;
                rc = table_read(&table);
                table.file.data[i] ^= flip;

                assert_int_equal(rc, padding ? FKV_OK : FKV_ECORRUPT);
            }
        }

        table_done(&table);
    }
}


static void
piece_sum(table_t *table, fkv__block_place_t place)
{
    uint8_t   seed[16], *raw = table->file.data + place.offset;
    uint32_t  crc;

    fkv__put_le64(seed, FILE_ID);
    fkv__put_le64(seed + 8, place.offset);
    crc = fkv__crc32c(0, seed, sizeof(seed));
    crc = fkv__crc32c(crc, raw, place.bytes + 1);
    fkv__put_le32(raw + place.bytes + 1, crc);
}


/*
 * As a broken writer would: any answer, and no step outside.  The type is left
 * alone; an unknown one is format_block.c's.
 */
static void
wrong_bytes_with_right_sums_never_lead_outside(void **state)
{
    (void) state;

    for (unsigned t = 0; t < 3; t++) {
        table_t             table;
        fkv__block_place_t  pieces[64];
        unsigned            n, wrong = 0, reads = 0;

        table_make(&table, types[t]);
        assert_int_equal(table_read(&table), FKV_OK);

        n = table.pieces_n;
        memcpy(pieces, table.pieces, sizeof(pieces));
        pieces[n++] = table.properties;

        for (unsigned p = 0; p < n; p++) {
            for (uint64_t i = 0; i < pieces[p].bytes; i++) {
                uint8_t  *byte = table.file.data + pieces[p].offset + i;
                uint8_t   was = *byte;

                *byte = (uint8_t) (was ^ 1 << i % 8);
                piece_sum(&table, pieces[p]);

                wrong += table_read(&table) != FKV_OK;
                reads++;

                *byte = was;
                piece_sum(&table, pieces[p]);
            }
        }

        assert_int_equal(table_read(&table), FKV_OK);
        assert_true(wrong > reads / 8);
        table_done(&table);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_wrong_byte_is_found_but_in_the_padding),
        cmocka_unit_test(wrong_bytes_with_right_sums_never_lead_outside),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}

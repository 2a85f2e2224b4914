# What is counted, without nginx: tables, sketches, and their bytes.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $source = abs_path(dirname($0) . '/..');
my $dir = tempdir(CLEANUP => 1);

my ($config) = grep { -x } "$source/../kit/ferrokv-config";
chomp(my $include = `${\($config // 'ferrokv-config')} --includedir`);

open my $c, '>', "$dir/driver.c" or die;
print {$c} <<'C';
#include "picture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS  2000
#define USES  200000

static void
is(int ok, const char *what)
{
    static int  n;

    printf("%sok %d - %s\n", ok ? "" : "not ", ++n, what);
}

static ferrokv_str
str(const char *text)
{
    return (ferrokv_str) { text, strlen(text) };
}

static picture
make(uint32_t names, uint32_t keys)
{
    picture  pic = { 5, 3, calloc(1, table_size(names)),
                     calloc(1, table_size(names)),
                     calloc(1, sketch_size(keys)) };

    table_init(pic.commands, names);
    table_init(pic.prefixes, names);
    sketch_init(pic.keys, keys);

    return pic;
}

static void
done(picture *pic)
{
    free(pic->commands);
    free(pic->prefixes);
    free(pic->keys);
}

static void
tables(void)
{
    picture     pic = make(64, 16);
    table      *t = pic.commands;
    table_row  *row;
    uint64_t    calls = 0;
    char        name[80];
    uint32_t    n;

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "name %d", i);
        table_count(table_at(t, str(name)), 1, i % 10 == 0);
    }

    is(t->used <= 64 - 16, "a table does not fill up");
    is(table_at(t, str("(others)"))->calls > 900, "others are one row");

    n = table_sort(t);
    for (uint32_t i = 0; i < n; i++) {
        calls += t->rows[i].calls;
    }

    is(calls == 1000, "and nothing is lost");
    is(strncmp(t->rows[0].name, "(others)", 8) == 0, "the longest time first");

    row = table_at(pic.prefixes, str("p"));
    for (int i = 0; i < 98; i++) {
        table_count(row, 3, 0);
    }
    table_count(row, 1000, 0);
    table_count(row, UINT64_MAX, 1);

    is(table_percentile(row, 50) == 3, "half took 3 us at most");
    is(table_percentile(row, 99) == 1023, "99 of 100 less than 1024");
    is(table_percentile(row, 100) == (1u << 25) - 1, "and one for ever");
    is(row->errors == 1 && row->calls == 100, "one has failed");

    memset(name, 'x', sizeof(name));
    row = table_at(pic.prefixes, (ferrokv_str) { name, sizeof(name) });
    is(row->len == TABLE_NAME_MAX, "a long name is cut");
    is(table_at(pic.prefixes, (ferrokv_str) { NULL, 0 })->len == 6,
       "no name has one");
    done(&pic);
}

static void
sketches(void)
{
    static uint64_t  used[KEYS];
    picture          pic = make(64, 100);
    sketch          *s = pic.keys;
    int              over = 0, under = 0, found = 0, hot = 0;
    uint64_t         total = 0;
    char             key[100];
    uint32_t         n;

    srand(1);

    for (int i = 0; i < USES; i++) {
        int  k = rand() % (1 + rand() % (1 + rand() % KEYS));

        snprintf(key, sizeof(key), "%d", k);
        used[k]++;
        sketch_count(s, 0, str(key));
    }

    n = sketch_sort(s);
    for (uint32_t i = 0; i < n; i++) {
        int  k = atoi(strndupa(s->rows[i].key, s->rows[i].len));

        over += s->rows[i].count < used[k];
        under += s->rows[i].count - s->rows[i].error > used[k];
        total += s->rows[i].count;
    }

    is(over == 0, "no count is too low");
    is(under == 0, "and no key was used less than count - error");
    is(total == USES, "all uses are counted");

    for (int k = 0; k < KEYS; k++) {
        if (used[k] > USES / 100) {
            hot++;
            snprintf(key, sizeof(key), "%d", k);
            for (uint32_t i = 0; i < n; i++) {
                found += s->rows[i].len == strlen(key)
                         && memcmp(s->rows[i].key, key, strlen(key)) == 0;
            }
        }
    }

    is(hot > 2 && found == hot, "each that made a hundredth of uses is there");
    is(s->rows[0].count >= s->rows[1].count, "the most used first");
    done(&pic);
}

static void
pictures(void)
{
    static uint8_t  bytes[PICTURE_BYTES_MAX];
    picture         pic = make(512, 512), sum = make(1024, 1024);
    size_t          len;
    uint64_t        now, since;
    char            name[SKETCH_KEY_MAX + 1];
    uint32_t        n;

    table_count(table_at(pic.commands, str("GET")), 7, 0);
    table_count(table_at(pic.prefixes, str("user")), 9, 1);
    sketch_count(pic.keys, 3, str("user:1"));
    sketch_count(pic.keys, 3, str("user:1"));
    len = picture_put(&pic, bytes);

    is(picture_head((ferrokv_str) { bytes, len }, &now, &since) == FERROKV_OK
       && now == 5 && since == 3, "when it was taken");

    for (int i = 0; i < 2; i++) {
        is(picture_add(&sum, (ferrokv_str) { bytes, len }, 1) == FERROKV_OK,
           "it is added");
    }

    is(table_at(sum.commands, str("GET"))->micros == 14, "commands add up");
    is(table_at(sum.prefixes, str("user"))->errors == 2, "prefixes add up");
    is(sum.keys->used == 1 && sum.keys->rows[0].count == 4
       && sum.keys->rows[0].db == 3, "keys add up");

    for (int i = 0; i < 2; i++) {
        (void) picture_add(&sum, (ferrokv_str) { bytes, len }, -1);
    }

    is(table_sort(sum.commands) == 0 && sketch_sort(sum.keys) == 0,
       "and are taken off again");

    memset(name, 'n', sizeof(name));
    for (int i = 0; i < 100000; i++) {
        memcpy(name, &i, sizeof(i));
        table_count(table_at(pic.commands,
                             (ferrokv_str) { name, TABLE_NAME_MAX }),
                    (uint64_t) i << 40, 0);
        table_count(table_at(pic.prefixes,
                             (ferrokv_str) { name, TABLE_NAME_MAX }),
                    (uint64_t) i, 0);
        sketch_count(pic.keys, 0, (ferrokv_str) { name, SKETCH_KEY_MAX });
    }

    len = picture_put(&pic, bytes);
    is(len <= PICTURE_BYTES_MAX && len > PICTURE_BYTES_MAX / 2,
       "a full one fits");
    done(&sum);
    sum = make(1024, 1024);
    is(picture_add(&sum, (ferrokv_str) { bytes, len }, 1) == FERROKV_OK,
       "and is read");

    srand(2);
    for (int i = 0; i < 3000; i++) {
        size_t    cut = (size_t) rand() % (len + 1);
        uint8_t  *copy = malloc(cut ? cut : 1);

        memcpy(copy, bytes, cut);
        for (int j = rand() % 20; j > 0 && cut > 0; j--) {
            copy[(size_t) rand() % cut] = (uint8_t) rand();
        }
        for (size_t j = 0; i % 3 == 0 && j < cut; j++) {
            copy[j] = (uint8_t) (rand() >> 8);
        }

        (void) picture_add(&sum, (ferrokv_str) { copy, cut },
                           i % 2 ? 1 : -1);
        free(copy);
    }

    n = table_sort(sum.commands);
    is(n <= 1024, "any bytes are survived");
    done(&pic);
    done(&sum);
}

int
main(void)
{
    tables();
    sketches();
    pictures();

    return 0;
}
C
close $c or die;

is(system("cc -D_GNU_SOURCE -std=gnu11 -O1 -g -Wall -Wextra -Werror"
          . " -fsanitize=address,undefined -fno-sanitize-recover=undefined"
          . " -I$source -I$include -o $dir/driver $dir/driver.c"
          . " $source/table.c $source/sketch.c $source/picture.c"), 0,
   'the driver compiles') or BAIL_OUT('cc');

for (split /\n/, `$dir/driver 2>&1; echo status \$?`) {
    /^(not )?ok \d+ - (.*)/ ? ok(!$1, $2)
        : /^status (\d+)/ ? is($1, 0, 'the driver ends well') : diag $_;
}

done_testing();

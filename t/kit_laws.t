# The laws of merge operators and types, over a small extension that keeps them,
# and over ones that do not: each fault is found, and named.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Laws;

# "sum.number" is a decimal number, "sum.add" adds to it; of encver 0 it was eight
# bytes.  WRONG=n has one fault.
my $code = <<'C';
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_MAX  24

static int
parse(ferrokv_ctx *ctx, ferrokv_str text, uint64_t *n)
{
    const char  *p = text.data;

    *n = 0;

#if WRONG == 1
    (void) ctx;

    while (*p >= '0' && *p <= '9') {
        *n = *n * 10 + (uint64_t) (*p++ - '0');
    }

    return FERROKV_OK;
#endif

    for (size_t i = 0; i < text.len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return ctx->api->fail(ctx, FERROKV_ECORRUPT, "no number");
        }

        *n = *n * 10 + (uint64_t) (p[i] - '0');
    }

    return text.len > 0 ? FERROKV_OK : FERROKV_ECORRUPT;
}

static ferrokv_str
format(ferrokv_ctx *ctx, uint64_t n)
{
    char  *p = ctx->api->alloc(ctx, NUMBER_MAX);

    return (ferrokv_str) { p, (size_t) snprintf(p, NUMBER_MAX, "%" PRIu64, n) };
}

static int
sum(ferrokv_ctx *ctx, const ferrokv_str *ops, size_t n, uint64_t *total)
{
    uint64_t  one;
    int       rc;

    for (size_t i = 0; i < n; i++) {
        if ((rc = parse(ctx, ops[i], &one)) < 0) {
            return rc;
        }

#if WRONG == 2
        *total = *total * 3 + one;
#elif WRONG == 3
        *total = (i == 0) ? *total + one : *total - one;
#else
        *total += one;
#endif
    }

    return FERROKV_OK;
}

static int
full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    uint64_t  total = 0;
    int       rc;

    (void) key;

    if (base != NULL && (rc = parse(ctx, base->data, &total)) < 0) {
        return rc;
    }

    if ((rc = sum(ctx, ops, n, &total)) < 0) {
        return rc;
    }

#if WRONG == 4
    total += (uint64_t) getpid();
#elif WRONG == 5
    ((char *) ops[0].data)[0] = '0';
#endif

    out->data = format(ctx, total);

#if WRONG == 6
    out->data.data = NULL;
#elif WRONG == 7
    for ( ;; ) {
        ctx->api->alloc(ctx, 1 << 20);
    }
#endif

    return FERROKV_OK;
}

static int
partial(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_str *ops, size_t n,
    ferrokv_str *out)
{
    uint64_t  total = 0;
    int       rc = sum(ctx, ops, n, &total);

    (void) key;
    *out = format(ctx, total);

    return rc;
}

static int
input(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out)
{
    uint64_t  n;
    int       rc = parse(ctx, text, &n);

#if WRONG == 8
    n /= 2;
#endif
    out->data = format(ctx, n);

    return rc;
}

static int
output(ferrokv_ctx *ctx, const ferrokv_value *val)
{
#if WRONG == 9
    return FERROKV_OK;
#endif
    return ctx->api->say_str(ctx, val->data);
}

static int
recode(ferrokv_ctx *ctx, uint32_t encver, ferrokv_str old, ferrokv_value *out)
{
    uint64_t  n;

#if WRONG != 10
    if (encver != 0 || old.len != sizeof(n)) {
        return FERROKV_ECORRUPT;
    }
#else
    (void) encver;
#endif

    memcpy(&n, old.data, sizeof(n));
    out->data = format(ctx, n);

    return FERROKV_OK;
}

static uint64_t
weight(const ferrokv_value *val)
{
    return WRONG == 11 ? 0 : val->data.len;
}

static const ferrokv_merge  add = {
    FERROKV_MERGE, 0, "sum.add", full, partial
};

static const ferrokv_type  number = {
    FERROKV_TYPE, 0, "sum.number", 1, 0, "sum.add", input, output, recode,
    NULL, weight
};
C

my %fault = (
    1 => qr/a process dies/, 2 => qr/full\(b, partial\(x, y\)\) is not/,
    3 => qr/full\(full\(b, x\), y\) is not/, 4 => qr/another process answers/,
    5 => qr/a process dies/, 6 => qr/bytes at NULL/,
    7 => qr/more memory than a call gets/, 8 => qr/input\(output\(v\)\) is not v/,
    9 => qr/bad: no answer/, 10 => qr/a process dies/,
    11 => qr/it weighs nothing/,
);

my ($wrong, $dir) = @ARGV;

$dir //= tempdir('ferrokv-XXXXXX', CLEANUP => 1,
                 DIR => $ENV{FKV_TMP} // '/var/tmp');
mkdir "$dir/encver";
write_file('million.0', pack 'Q<', 1_000_000);
write_file('million.text', '1000000');

if (!defined $wrong) {
    for my $n (sort { $a <=> $b } keys %fault) {
        my $said = `FKV_ROUNDS=40 $^X -It/lib $0 $n $dir 2>&1`;

        isnt($?, 0, "fault $n is found");
        like($said, $fault{$n}, 'and named');
    }
}

my $library = build_extension("$dir/ext", 'sum', code => $code,
    provides => '&number, &add', version => '1.0.' . ($wrong // 0),
    cflags => '-Wno-unused -DWRONG=' . ($wrong // 0));
my @library = (library => $library);

merge_laws('sum', 'sum.add', @library, commutative => 1,
           operand => sub { int rand 1000 },
           base => sub { rand() < 0.3 ? undef : int rand 1e9 });
type_laws('sum', 'sum.number', @library, encver => "$dir/encver",
          text => sub { int rand 1e12 });

done_testing();


sub write_file {
    my ($name, $text) = @_;

    open my $file, '>:raw', "$dir/encver/$name" or die;
    print {$file} $text;
    close $file or die;
}

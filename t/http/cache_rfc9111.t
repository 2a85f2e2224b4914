# RFC 9111 over a real nginx, section by section: each case is an answer of the
# upstream, a first request and a second one, and whether the second was served
# from the cache.  The upstream counts, so nothing is taken on trust.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
events { }
http {
    %%HTTP%%

    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_buffer_size 16k;
        proxy_buffers 8 16k;
        proxy_busy_buffers_size 32k;

        ferrokv_cache main;
        ferrokv_cache_status_header edge;

        location / { proxy_pass http://127.0.0.1:%%PORT1%%; }

        location /client/ {
            ferrokv_cache_request_control on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /guess/ {
            ferrokv_cache_heuristic 10% max=1h;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /valid/ {
            ferrokv_cache_valid any 10m;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /ask/ {
            ferrokv_cache_revalidate on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /stale/ {
            ferrokv_cache_background_update on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /errors/ {
            ferrokv_cache_use_stale error timeout invalid_header http_500
                                    http_502 http_503 http_504;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /keep/ {
            ferrokv_cache_invalidate off;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /target/ {
            ferrokv_cache_targets Edge-Cache-Control CDN-Cache-Control;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }
    }
}
CONF

my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
my ($origin, @cases, $section);

# What a case may say besides the headers of the answer:
#   in      a location, else /
#   status, body, chunked, cut, length, raw    as Ferrokv::Origin has them
#   then    the second and later answers: { status, headers, .. }; one with
#           status 304 is given only to who asks by the first one's validators
#   first, second     headers of the two requests
#   method            of the first request
#   after             seconds between the two
#   check             called with the first and the second response, and a sub
#                     that asks again: (Name => value ...) -> response, and
#                     the case
#   asks              how often the upstream is asked, else 1 or 2
sub section { $section = shift }
sub hit     { _case('hit', @_) }
sub miss    { _case('miss', @_) }

sub _case {
    my ($expected, $name, $headers, %more) = @_;

    push @cases, { expected => $expected, name => "$section: $name",
                   id => scalar @cases, headers => $headers, %more };
}


section('freshness');

hit('max-age', ['Cache-Control: max-age=60']);
miss('max-age=0', ['Cache-Control: max-age=0']);
hit('s-maxage before max-age', ['Cache-Control: s-maxage=60, max-age=0']);
miss('s-maxage=0 before max-age', ['Cache-Control: max-age=60, s-maxage=0']);
miss('max-age has passed', ['Cache-Control: max-age=1'], after => 2);
hit('max-age has not passed', ['Cache-Control: max-age=60'], after => 2,
    check => sub { cmp_ok($_[1]->header('Age'), '>=', 2, 'Age grows') });
miss('nothing is said', []);

hit('Expires', ['Expires: {+60}']);
hit('Expires and Date', ['Date: {0}', 'Expires: {+60}']);
miss('Expires has passed', ['Expires: {-60}']);
miss('Expires is Date', ['Date: {0}', 'Expires: {0}']);
miss('Expires: 0', ['Expires: 0']);
miss('Expires: -1', ['Expires: -1']);
miss('Expires is empty', ['Expires:']);
miss('Expires is no date', ['Expires: tomorrow']);
miss('Expires in UTC', ['Expires: {+60:UTC}']);
miss('Expires in another zone', ['Expires: {+60:+0000}']);
hit('Expires of RFC 850', ['Expires: {+60:850}']);
hit('Expires of asctime()', ['Expires: {+60:asctime}']);
miss('the first of two Expires', ['Expires: 0', 'Expires: {+60}']);
hit('the first of two Expires, the other way', ['Expires: {+60}', 'Expires: 0']);
hit('max-age before a passed Expires',
    ['Cache-Control: max-age=60', 'Expires: {-60}']);
miss('max-age=0 before Expires',
     ['Cache-Control: max-age=0', 'Expires: {+60}']);
hit('s-maxage before a passed Expires',
    ['Cache-Control: s-maxage=60', 'Expires: {-60}']);
miss('Expires before a Date that is ahead',
     ['Date: {+3600}', 'Expires: {+1800}']);
miss('Expires after a Date that is behind, but older than that',
     ['Date: {-3600}', 'Expires: {-1800}']);
hit('a lifetime from a Date that is ahead',
    ['Date: {+3600}', 'Expires: {+3660}']);


section('Cache-Control');

hit('in capitals', ['CACHE-CONTROL: MAX-AGE=60']);
hit('several lines', ['Cache-Control: public', 'Cache-Control: max-age=60']);
hit('empty members', ['Cache-Control: , ,max-age=60,,']);
hit('quoted', ['Cache-Control: max-age="60"']);
hit('leading zeros', ['Cache-Control: max-age=0060']);
hit('unknown directives', ['Cache-Control: foo, bar="no-store", max-age=60']);
hit('a comma in quotes', ['Cache-Control: foo="a, no-store", max-age=60']);
hit('over 2**31', ['Cache-Control: max-age=99999999999999999999']);
hit('no blanks', ['Cache-Control: public,max-age=60,foo']);
hit('the first of two max-age', ['Cache-Control: max-age=60, max-age=0']);
miss('the first of two max-age is 0', ['Cache-Control: max-age=0, max-age=60']);
miss('negative', ['Cache-Control: max-age=-60']);
miss('with a sign', ['Cache-Control: max-age=+60']);
miss('decimal', ['Cache-Control: max-age=60.0']);
miss('with a unit', ['Cache-Control: max-age=60s']);
miss('without a number', ['Cache-Control: max-age']);
miss('with an empty number', ['Cache-Control: max-age=']);
miss('a blank before the sign', ['Cache-Control: max-age =60']);
miss('single quotes', ["Cache-Control: max-age='60'"]);
miss('a quote without an end', ['Cache-Control: max-age=60, foo="bar']);
miss('a wrong one before a right Expires',
     ['Cache-Control: max-age=x', 'Expires: {+60}']);
miss('in the argument of another', ['Cache-Control: foo="max-age=60"']);
miss('no-store', ['Cache-Control: no-store, max-age=60']);
miss('no-store in capitals', ['Cache-Control: max-age=60, NO-STORE']);
miss('no-store on a line of its own',
     ['Cache-Control: max-age=60', 'Cache-Control: no-store']);
miss('no-store with an argument', ['Cache-Control: no-store=x, max-age=60']);
miss('private', ['Cache-Control: private, max-age=60']);
miss('private beside public', ['Cache-Control: public, private, s-maxage=60']);
miss('private with no list', ['Cache-Control: private="", max-age=60']);
miss('no-cache', ['Cache-Control: no-cache, max-age=60']);
hit('must-understand, which takes no-store away',
    ['Cache-Control: no-store, must-understand, max-age=60']);
miss('must-understand, not understood',
     ['Cache-Control: must-understand, max-age=60'], status => 299);
hit('Pragma of a response means nothing',
    ['Pragma: no-cache', 'Cache-Control: max-age=60']);
miss('Pragma alone', ['Pragma: public']);


section('fields kept out');

for my $directive ('private', 'no-cache') {
    hit(qq($directive="x-secret"),
        [qq(Cache-Control: max-age=60, $directive="X-Other, x-secret"),
         'X-Secret: s', 'X-Plain: p'],
        check => sub {
            my ($first, $second) = @_;

            is($first->header('X-Secret'), 's', 'the first client has it');
            is($second->header('X-Secret'), undef, 'the second has not');
            is($second->header('X-Plain'), 'p', 'others stay');
        });
}

hit('no-cache="set-cookie" and a cookie',
    ['Cache-Control: max-age=60, no-cache="Set-Cookie"', 'Set-Cookie: a=b'],
    check => sub { is($_[1]->header('Set-Cookie'), undef, 'no cookie') });
miss('a cookie', ['Cache-Control: max-age=60', 'Set-Cookie: a=b']);

hit('Connection and what it lists',
    ['Cache-Control: max-age=60', 'Connection: X-Hop, x-hop-2',
     'Connection: x-hop-3', 'X-Hop: a', 'X-Hop-2: b', 'X-Hop-3: c',
     'X-End: d'],
    check => sub {
        my ($first, $second) = @_;

        is($second->header($_), undef, "$_ is dropped")
            for qw(X-Hop X-Hop-2 X-Hop-3);
        is($second->header('X-End'), 'd', 'others stay');
    });
hit('fields of the hop',
    ['Cache-Control: max-age=60', 'Keep-Alive: timeout=5',
     'Proxy-Authenticate: Basic', 'Proxy-Authentication-Info: a=b',
     'Trailer: X', 'TE: trailers'],
    check => sub {
        is($_[1]->header($_), undef, "$_ is dropped")
            for qw(Keep-Alive Proxy-Authenticate Proxy-Authentication-Info
                   Trailer TE);
    });
hit('all lines of a field, in order',
    ['Cache-Control: max-age=60', 'X-A: 1', 'Link: <a>', 'X-A: 2',
     'Link: <b>'],
    check => sub {
        is($_[1]->header('X-A'), '1, 2', 'X-A');
        is($_[1]->header('Link'), '<a>, <b>', 'Link');
    });


section('Age');

hit('of the upstream counts', ['Cache-Control: max-age=60', 'Age: 30'],
    check => sub { cmp_ok($_[1]->header('Age'), '>=', 30, 'Age');
                   cmp_ok($_[1]->header('Age'), '<', 60, 'not twice') });
hit('is sent', ['Cache-Control: max-age=60'],
    check => sub { like($_[1]->header('Age'), qr/^\d+$/, 'one number') });
miss('beyond the lifetime', ['Cache-Control: max-age=60', 'Age: 60']);
miss('the first of a list', ['Cache-Control: max-age=60', 'Age: 100, 1']);
miss('the first line', ['Cache-Control: max-age=60', 'Age: 100', 'Age: 1']);
hit('the first of a list, the other way',
    ['Cache-Control: max-age=60', 'Age: 1, 100']);
hit('no number is ignored', ['Cache-Control: max-age=60', 'Age: old']);
hit('negative is ignored', ['Cache-Control: max-age=60', 'Age: -100']);
hit('decimal is ignored', ['Cache-Control: max-age=60', 'Age: 100.0']);
miss('over 2**31', ['Cache-Control: max-age=60', 'Age: 99999999999999999']);
miss('and Expires', ['Date: {0}', 'Expires: {+60}', 'Age: 60']);
miss('by an old Date', ['Cache-Control: max-age=60', 'Date: {-100}']);
hit('by a Date ahead', ['Cache-Control: max-age=60', 'Date: {+100}']);
hit('a wrong Date is now', ['Cache-Control: max-age=60', 'Date: long ago']);
hit('Date stays that of the upstream',
    ['Cache-Control: max-age=60', 'Date: {-30}'],
    check => sub {
        cmp_ok($_[1]->header('Age'), '>=', 29, 'Age');
        cmp_ok(date_of($_[1]->header('Date')), '<=', time - 29, 'Date');
    });


section('heuristics');

hit('a tenth of an old one', ['Last-Modified: {-86400}'], in => 'guess');
miss('a tenth of a young one', ['Last-Modified: {-5}'], in => 'guess',
     after => 2);
miss('Last-Modified ahead', ['Last-Modified: {+86400}'], in => 'guess');
miss('not where it is off', ['Last-Modified: {-86400}']);
miss('not if stale is said',
     ['Last-Modified: {-86400}', 'Cache-Control: max-age=0'], in => 'guess');
miss('not if Expires is wrong',
     ['Last-Modified: {-86400}', 'Expires: 0'], in => 'guess');
hit("of status $_", ['Last-Modified: {-86400}'], in => 'guess', status => $_)
    for 203, 300, 301, 308, 404, 405, 410, 414, 501;
miss("of status $_", ['Last-Modified: {-86400}'], in => 'guess', status => $_)
    for 201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599;
hit('of status 302 if it is public',
    ['Last-Modified: {-86400}', 'Cache-Control: public'], in => 'guess',
    status => 302);


section('storing');

hit("status $_ if it says so", ['Cache-Control: max-age=60'], status => $_)
    for 200, 201, 202, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 403,
        404, 405, 410, 414, 451, 499, 500, 501, 502, 503, 504, 599;
miss('a part', ['Cache-Control: max-age=60', 'Content-Range: bytes 0-1/9'],
     status => 206, body => 'ab');
miss('status 416', ['Cache-Control: max-age=60',
                    'Content-Range: bytes */9'], status => 416);
miss('a 304 that nobody asked for', ['Cache-Control: max-age=60'],
     status => 304);
hit('the configuration fills in', [], in => 'valid');
miss('the configuration does not overrule no-store',
     ['Cache-Control: no-store'], in => 'valid');
miss('nor max-age=0', ['Cache-Control: max-age=0'], in => 'valid');
miss('nor Expires', ['Expires: 0'], in => 'valid');
hit('X-Accel-Expires overrules',
    ['Cache-Control: no-store', 'X-Accel-Expires: 60'],
    check => sub { is($_[1]->header('X-Accel-Expires'), undef, 'unseen') });
miss('X-Accel-Expires: 0',
     ['Cache-Control: max-age=60', 'X-Accel-Expires: 0']);
hit('X-Accel-Expires at a time', ['X-Accel-Expires: @{+60:unix}']);
miss('X-Accel-Expires at a time past',
     ['Cache-Control: max-age=60', 'X-Accel-Expires: @{-60:unix}']);
miss('a POST', ['Cache-Control: max-age=60'], method => 'POST');
miss('another method', ['Cache-Control: max-age=60'], method => 'REPORT');
hit('a query is a part of the key', ['Cache-Control: max-age=60'],
    query => '?a=b');
hit('an empty body', ['Cache-Control: max-age=60'], body => '');
hit('a chunked body', ['Cache-Control: max-age=60'], chunked => 1,
    body => 'x' x 50000);
hit('a body to the end of the connection', ['Cache-Control: max-age=60'],
    close => 1);


section('Authorization');

my @basic = (Authorization => 'Basic QWxhZGRpbjpvcGVu');

miss('max-age is not enough', ['Cache-Control: max-age=60'],
     first => \@basic, second => \@basic);
miss('nor is proxy-revalidate',
     ['Cache-Control: max-age=60, proxy-revalidate'], first => \@basic);
miss('nor the configuration', [], in => 'valid', first => \@basic);
hit("$_ is", ["Cache-Control: max-age=60, $_"], first => \@basic)
    for 'public', 'must-revalidate', 's-maxage=60';
hit('asking with it for what is stored', ['Cache-Control: max-age=60'],
    second => \@basic);


section('Vary');

my @en = ('Accept-Language' => 'en, de');

hit('the same', ['Cache-Control: max-age=60', 'Vary: Foo'],
    first => [Foo => 1], second => [Foo => 1]);
miss('another', ['Cache-Control: max-age=60', 'Vary: Foo'],
     first => [Foo => 1], second => [Foo => 2]);
miss('missing', ['Cache-Control: max-age=60', 'Vary: Foo'],
     first => [Foo => 1]);
miss('missing in the first', ['Cache-Control: max-age=60', 'Vary: Foo'],
     second => [Foo => 1]);
miss('empty is not missing', ['Cache-Control: max-age=60', 'Vary: Foo'],
     second => [Foo => '']);
miss('variants lie beside each other',
     ['Cache-Control: max-age=60', 'Vary: Foo'],
     first => [Foo => 1], second => [Foo => 2], check => sub {
         my ($first, $second, $again) = @_;

         is($again->(Foo => 1)->body, $first->body, 'the first');
         is($again->(Foo => 2)->body, $second->body, 'the second');
     });
hit('missing in both', ['Cache-Control: max-age=60', 'Vary: Foo']);
hit('another, not listed', ['Cache-Control: max-age=60', 'Vary: Foo'],
    first => [Foo => 1, Bar => 1], second => [Foo => 1, Bar => 2]);
hit('a list', ['Cache-Control: max-age=60', 'Vary: Foo, Bar ,,Baz'],
    first => [Foo => 1, Bar => 2], second => [Bar => 2, Foo => 1]);
miss('a list, the last differs',
     ['Cache-Control: max-age=60', 'Vary: Foo, Bar, Baz'],
     first => [Baz => 1], second => [Baz => 2]);
miss('lines', ['Cache-Control: max-age=60', 'Vary: Foo', 'Vary: Bar'],
     first => [Foo => 1, Bar => 1], second => [Foo => 1, Bar => 2]);
hit('case of names', ['Cache-Control: max-age=60', 'Vary: FOO'],
    first => ['foo' => 1], second => ['Foo' => 1]);
miss('case of values', ['Cache-Control: max-age=60', 'Vary: Foo'],
     first => [Foo => 'a'], second => [Foo => 'A']);
hit('lines of a request', ['Cache-Control: max-age=60', 'Vary: Foo'],
    first => [Foo => 1, Foo => 2], second => [Foo => '1, 2']);
miss('order of a request', ['Cache-Control: max-age=60', 'Vary: Foo'],
     first => [Foo => '1, 2'], second => [Foo => '2, 1']);
hit('blanks where they mean nothing',
    ['Cache-Control: max-age=60', 'Vary: Accept-Language'],
    first => \@en, second => ['Accept-Language' => 'EN ,de']);
miss('*', ['Cache-Control: max-age=60', 'Vary: *']);
miss('* in a list', ['Cache-Control: max-age=60', 'Vary: Foo, *']);
miss('* before a list', ['Cache-Control: max-age=60', 'Vary: *, Foo']);
miss('* on another line',
     ['Cache-Control: max-age=60', 'Vary: Foo', 'Vary: *']);
miss('no list of names', ['Cache-Control: max-age=60', 'Vary: Foo Bar']);


section('directives of a request');

for ([hit  => 'max-age=60', 'max-age=3600'],
     [miss => 'max-age=60', 'max-age=0'],
     [miss => 'max-age=60', 'no-cache'],
     [miss => 'max-age=60', 'No-Cache'],
     [hit  => 'max-age=60', 'min-fresh=5'],
     [miss => 'max-age=60', 'min-fresh=3600'],
     [hit  => 'max-age=60', 'max-stale=0'],
     [hit  => 'max-age=60', 'only-if-cached'])
{
    my ($expected, $of_response, $of_request) = @$_;

    _case($expected, $of_request, ["Cache-Control: $of_response"],
          in => 'client', second => ['Cache-Control' => $of_request]);
}

miss('max-age, older by Age',
     ['Cache-Control: max-age=60', 'Age: 30'], in => 'client',
     second => ['Cache-Control' => 'max-age=10']);
hit('max-stale', ['Cache-Control: max-age=1'], in => 'client', after => 2,
    second => ['Cache-Control' => 'max-stale']);
hit('max-stale, within', ['Cache-Control: max-age=1'], in => 'client',
    after => 2, second => ['Cache-Control' => 'max-stale=100']);
miss('max-stale, beyond', ['Cache-Control: max-age=1', 'Age: 5'],
     in => 'client', after => 2,
     second => ['Cache-Control' => 'max-stale=1']);
miss("max-stale and $_", ["Cache-Control: max-age=1, $_"], in => 'client',
     after => 2, second => ['Cache-Control' => 'max-stale'])
    for 'must-revalidate', 'proxy-revalidate', 's-maxage=1', 'no-cache';
miss('no-store of the first', ['Cache-Control: max-age=60'], in => 'client',
     first => ['Cache-Control' => 'no-store']);
hit('Pragma of a request means nothing', ['Cache-Control: max-age=60'],
    in => 'client', second => [Pragma => 'no-cache']);
hit('the client has no say where it is off', ['Cache-Control: max-age=60'],
    second => ['Cache-Control' => 'no-cache']);


section('conditions of a client');

my @fresh = ('Cache-Control: max-age=60', 'ETag: "a"',
             'Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT');

for ([304, 'If-None-Match' => '"a"'],
     [304, 'If-None-Match' => 'W/"a"'],
     [304, 'If-None-Match' => '"x", "a"'],
     [304, 'If-None-Match' => '*'],
     [200, 'If-None-Match' => '"x"'],
     [200, 'If-None-Match' => 'a'],
     [304, 'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT'],
     [304, 'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:38 GMT'],
     [304, 'If-Modified-Since' => 'Sunday, 06-Nov-94 08:49:37 GMT'],
     [200, 'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:36 GMT'],
     [200, 'If-Modified-Since' => 'yesterday'],
     [200, 'If-None-Match' => '"x"',
      'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT'],
     [304, 'If-None-Match' => '"a"',
      'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:36 GMT'])
{
    my ($status, @conditions) = @$_;

    hit("@conditions", \@fresh, second => \@conditions, check => sub {
        is($_[1]->status, $status, "is $status");
        is($_[1]->header('ETag'), '"a"', 'with its ETag');
        is($_[1]->body, '', 'without a body') if $status == 304;
    });
}

hit('of the first client do not reach the upstream', \@fresh,
    first => ['If-None-Match' => '"a"'],
    check => sub {
        like($_[0]->status, qr/^(?:200|304)$/, 'an answer to them');
        is($_[1]->status, 200, 'the second has all of it');
    });
hit('a tag of the first that is another', \@fresh,
    first => ['If-None-Match' => '"b"'],
    check => sub { is($_[0]->status, 200, 'the first has all of it') });


section('validation');

my @tagged = ('Cache-Control: max-age=1', 'ETag: "a"', 'X-A: 1');
my %same = (status => 304, headers => ['Cache-Control: max-age=60',
                                       'ETag: "a"', 'X-A: 2', 'X-B: 3']);

# The second request is answered by what the first brought, after a question.
sub validated {
    my ($name, $headers, $then, %more) = @_;
    my $check = delete $more{check} // sub { };

    miss($name, $headers, in => 'ask', after => 2, then => $then, %more,
        check => sub {
            my ($first, $second, $again) = @_;

            is($second->status, 200, 'the second has all of it');
            is($second->body, $first->body, 'it is the body of the first');
            $check->($first, $second, $again);
        });
}

validated('by an ETag', \@tagged, \%same, check => sub {
    my ($first, $second, $again) = @_;

    is($second->header('X-A'), 2, 'a field is updated');
    is($second->header('X-B'), 3, 'a field is added');
    cmp_ok($second->header('Age') // 0, '<', 2, 'it is young again');

    my $third = $again->();
    is($third->body, $first->body, 'the third has it, too');
    is($third->header('X-A'), 2, 'as it was updated');
    like($third->header('Cache-Status'), qr/edge; hit/, 'from the cache');
});
validated('by a weak ETag', ['Cache-Control: max-age=1', 'ETag: W/"a"'],
          { status => 304, headers => ['ETag: W/"a"'] });
validated('by Last-Modified',
          ['Cache-Control: max-age=1', 'Last-Modified: {-1000000}'],
          { status => 304, headers => [] });
validated('of what is never fresh', ['Cache-Control: no-cache', 'ETag: "a"'],
          { status => 304, headers => [] }, check => sub {
              my ($first, undef, $again) = @_;

              my $third = $again->();
              is($third->body, $first->body, 'and again');
              like($third->header('Cache-Status'), qr/fwd=stale|fwd=/,
                   'by asking');
          });
validated('a 304 that says nothing', \@tagged,
          { status => 304, headers => [] }, check => sub {
              is($_[1]->header('Cache-Control'), 'max-age=1', 'all stays');
              is($_[1]->header('X-A'), 1, 'and this');
          });
validated('a 304 that is old itself', \@tagged,
          { status => 304, headers => ['Cache-Control: max-age=60',
                                       'Date: {-30}'] },
          check => sub {
              my $age = $_[2]->()->header('Age');

              cmp_ok($age, '>=', 29, 'by its Date');
              cmp_ok($age, '<', 60, 'and not more');
          });
validated('a 304 with Age', \@tagged,
          { status => 304, headers => ['Cache-Control: max-age=60',
                                       'Age: 30'] },
          check => sub {
              cmp_ok($_[2]->()->header('Age'), '>=', 30, 'is so old');
          });
validated('a 304 that describes another body',
          [@tagged, 'Content-Type: text/x-first'],
          { status => 304, headers => ['ETag: "a"', 'Content-Length: 77777',
                                       'Content-Type: text/x-second',
                                       'Content-Encoding: br',
                                       'Content-Range: bytes 0-1/2'] },
          check => sub {
              my (undef, $second) = @_;

              is($second->header('Content-Type'), 'text/x-first', 'its type');
              is($second->header('Content-Encoding'), undef, 'its encoding');
              is($second->header('Content-Range'), undef, 'no range');
          });
validated('fields of a hop in a 304', \@tagged,
          { status => 304, headers => ['ETag: "a"', 'Connection: X-A',
                                       'X-A: 2'] },
          check => sub { is($_[1]->header('X-A'), 1, 'change nothing') });
validated('a client that asks, too', \@tagged, \%same, check => sub {
    my (undef, undef, $again) = @_;

    is($again->('If-None-Match' => '"a"')->status, 304, 'has 304');
});
miss('of what has changed', \@tagged, in => 'ask', after => 2,
     then => { headers => ['Cache-Control: max-age=60', 'ETag: "b"'] },
     check => sub {
         my ($first, $second, $again) = @_;

         isnt($second->body, $first->body, 'the second has the new one');
         is($again->()->body, $second->body, 'the third, too');
     });
miss('a 304 about something else', \@tagged, in => 'ask', after => 2,
     then => { status => 304, headers => ['ETag: "b"'] },
     check => sub {
         my ($first, $second, $again) = @_;

         is($second->status, 502, 'is no answer');
         ok($nginx->wait_until(sub { $again->()->status == 200 }),
            'the next one asks for all of it');
     });
miss('not where it is off', \@tagged, after => 2, then => \%same,
     check => sub { isnt($_[1]->body, $_[0]->body, 'all of it anew') });


section('invalidation');

# GET stores, METHOD comes between, and then GET again: gone or kept.
sub between {
    my ($gone, $method, $then, %more) = @_;
    my $name = delete $more{name} // join ' ', $method, $then->{status} // 200;

    _case(hit => $name, ['Cache-Control: max-age=60'], %more, then => $then,
          asks => qr/./, check => sub {
              my ($first, undef, $again, $case) = @_;
              my $asked = sub { $origin->asked(target($case)) };
              my $before = $asked->();

              $http->request($method, target($case),
                             $method =~ /^(?:OPTIONS|HEAD)$/ ? undef : 'x',
                             @{ $case->{between} // [] });

              my $after = $asked->();

              if ($gone) {
                  ok($nginx->wait_until(sub { $again->();
                                              $asked->() > $after }),
                     'the next one asks the upstream');

              } else {
                  $again->() for 1 .. 5;
                  is($asked->(), $after, 'it is still there');
              }
          });
}

between(1, $_, {}) for qw(POST PUT DELETE PATCH REPORT);
between(1, 'POST', { status => $_ }) for 201, 204, 303;
between(0, 'POST', { status => $_ }) for 400, 404, 500;
between(0, $_, {}) for qw(HEAD OPTIONS);
between(0, 'POST', {}, in => 'keep', name => 'POST where it is off');

miss('all variants', ['Cache-Control: max-age=60', 'Vary: Foo'],
     first => [Foo => 1], second => [Foo => 2], check => sub {
         my (undef, undef, $again, $case) = @_;

         $again->(Foo => $_) for 1, 2;
         is($origin->asked(target($case)), 2, 'both are there');

         $http->post(target($case), 'x', Foo => 3);

         for my $foo (1, 2) {
             my $before = $origin->asked(target($case));

             ok($nginx->wait_until(sub {
                 $again->(Foo => $foo);
                 $origin->asked(target($case)) > $before;
             }), "variant $foo is gone");
         }
     });

# A POST elsewhere, whose answer names what is stored.
sub named {
    my ($gone, $name, $field) = @_;

    _case(hit => $name, ['Cache-Control: max-age=60'], check => sub {
        my (undef, undef, $again, $case) = @_;
        my $value = $field =~ s/TARGET/target($case)/er
                           =~ s/PORT/$nginx->port/er;
        my $asked = sub { $origin->asked(target($case)) };

        $http->post('/plain/post', 'x', 'X-Say' => $value);

        if ($gone) {
            ok($nginx->wait_until(sub { $again->(); $asked->() > 1 }),
               'the next one asks the upstream');

        } else {
            $again->() for 1 .. 5;
            is($asked->(), 1, 'it is still there');
        }
    });
}

named(1, 'Location', 'Location: TARGET');
named(1, 'Content-Location', 'Content-Location: TARGET#there');
named(1, 'a relative one', 'Content-Location: ..TARGET');
named(1, 'with its origin', 'Content-Location: http://127.0.0.1TARGET');
named(0, 'another host', 'Content-Location: http://localhostTARGET');
named(0, 'another scheme', 'Content-Location: https://127.0.0.1TARGET');
named(0, 'another port', 'Content-Location: http://127.0.0.1:1TARGET');
named(0, 'no URI', 'Content-Location: http://127.0.0.1 TARGET');


section('RFC 5861');

my @window = ('Cache-Control: max-age=1, stale-while-revalidate=60');

hit('stale-while-revalidate', \@window, in => 'stale', after => 2,
    asks => qr/^[12]$/, check => sub {
        my ($first, $second, $again) = @_;

        is($second->body, $first->body, 'the old one is served');
        ok($nginx->wait_until(sub { $again->()->body ne $first->body }),
           'the new one follows');
    });
miss('stale-while-revalidate has passed',
     ['Cache-Control: max-age=1, stale-while-revalidate=1', 'Age: 10'],
     in => 'stale', after => 2);
miss('stale-while-revalidate and must-revalidate',
     ['Cache-Control: max-age=1, stale-while-revalidate=60, must-revalidate'],
     in => 'stale', after => 2);
hit('stale-while-revalidate and s-maxage',
    ['Cache-Control: s-maxage=1, stale-while-revalidate=60'],
    in => 'stale', after => 2, asks => qr/^[12]$/);

for my $status (500, 502, 503, 504) {
    miss("stale-if-error and $status",
         ['Cache-Control: max-age=1, stale-if-error=60'], after => 2,
         then => { status => $status, headers => [] }, check => sub {
             is($_[1]->status, 200, 'the old one is served');
             is($_[1]->body, $_[0]->body, 'its body');
         });
}

for (['a dead upstream', ''], ['an answer that is none', "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"]) {
    my ($name, $raw) = @$_;

    miss("stale-if-error and $name",
         ['Cache-Control: max-age=1, stale-if-error=60'], after => 2,
         then => { raw => $raw }, check => sub {
             is($_[1]->status, 200, 'the old one is served');
             is($_[1]->body, $_[0]->body, 'its body');
         });
    miss("must-revalidate and $name",
         ['Cache-Control: max-age=1, stale-if-error=60, must-revalidate'],
         after => 2, then => { raw => $raw },
         check => sub { is($_[1]->status, 502, 'an error') });
}

miss('stale-if-error and 404',
     ['Cache-Control: max-age=1, stale-if-error=60'], after => 2,
     then => { status => 404, headers => [] },
     check => sub { is($_[1]->status, 404, 'is no error') });
miss("stale-if-error and $_",
     ["Cache-Control: max-age=1, stale-if-error=60, $_"], after => 2,
     then => { status => 503, headers => [] },
     check => sub { is($_[1]->status, 503, 'the error') })
    for 'must-revalidate', 'proxy-revalidate';
miss('stale-if-error has passed',
     ['Cache-Control: max-age=1, stale-if-error=1', 'Age: 10'], after => 2,
     then => { status => 503, headers => [] },
     check => sub { is($_[1]->status, 503, 'the error') });
miss('an error without a window', ['Cache-Control: max-age=1'], after => 2,
     then => { status => 503, headers => [] },
     check => sub { is($_[1]->status, 503, 'the error') });
miss('an error where the configuration allows it',
     ['Cache-Control: max-age=1'], in => 'errors', after => 2,
     then => { status => 503, headers => [] },
     check => sub { is($_[1]->status, 200, 'the old one is served') });
miss("an error where the configuration allows it, but $_",
     ["Cache-Control: max-age=1, $_"], in => 'errors', after => 2,
     then => { status => 503, headers => [] },
     check => sub { is($_[1]->status, 503, 'the origin does not') })
    for 'must-revalidate', 'proxy-revalidate', 's-maxage=1';


section('RFC 9213');

hit('a targeted field before no-store',
    ['Cache-Control: no-store', 'CDN-Cache-Control: max-age=60'],
    in => 'target',
    check => sub {
        is($_[1]->header('Cache-Control'), 'no-store', 'others see theirs');
    });
miss('a targeted no-store before max-age',
     ['Cache-Control: max-age=60', 'CDN-Cache-Control: no-store'],
     in => 'target');
miss('a targeted field before Expires',
     ['Expires: {+60}', 'CDN-Cache-Control: public'], in => 'target');
hit('the order is that of the list',
    ['CDN-Cache-Control: no-store', 'Edge-Cache-Control: max-age=60'],
    in => 'target');
hit('a malformed one is not there',
    ['Cache-Control: max-age=60', 'CDN-Cache-Control: no-store,'],
    in => 'target');
hit('a malformed one gives way to the next',
    ['CDN-Cache-Control: max-age=60', 'Edge-Cache-Control: max-age=,'],
    in => 'target');
hit('an empty one is not there',
    ['Cache-Control: max-age=60', 'CDN-Cache-Control:'], in => 'target');
miss('capitals are malformed', ['CDN-Cache-Control: Max-Age=60'],
     in => 'target');
miss('a string is no number', ['CDN-Cache-Control: max-age="60"'],
     in => 'target');
hit('parameters are passed over', ['CDN-Cache-Control: max-age=60;a=b'],
    in => 'target');
hit('not where it is not listed',
    ['Cache-Control: max-age=60', 'CDN-Cache-Control: no-store']);


section('RFC 9211');

hit('a hit says so', ['Cache-Control: max-age=60'],
    check => sub {
        my ($first, $second) = @_;

        like($first->header('Cache-Status'),
             qr/^edge; fwd=(?:uri-)?miss.*; stored\b/, 'a miss, stored');
        like($second->header('Cache-Status'),
             qr/^edge; hit; ttl=(?:60|5\d)\b/, 'a hit and what is left');
    });
miss('what is not stored does not say so', ['Cache-Control: no-store'],
     check => sub {
         like($_[1]->header('Cache-Status'), qr/^edge; fwd=(?:uri-)?miss/,
              'a miss');
         unlike($_[1]->header('Cache-Status'), qr/stored/, 'not stored');
     });
hit('caches before us stay before us',
    ['Cache-Control: max-age=60', 'Cache-Status: origin; hit'],
    check => sub {
        like($_[1]->header('Cache-Status'), qr/^origin; hit, edge; hit/,
             'both');
    });
miss('another variant',
     ['Cache-Control: max-age=60', 'Vary: Foo'], second => [Foo => 1],
     check => sub {
         like($_[1]->header('Cache-Status'), qr/fwd=vary-miss/, 'says so');
     });
miss('a stale one', ['Cache-Control: max-age=1'], after => 2,
     check => sub {
         like($_[1]->header('Cache-Status'), qr/fwd=stale/, 'says so');
     });


section('an upstream that lies');

miss('less than its Content-Length', ['Cache-Control: max-age=60'],
     body => 'x' x 100, length => 200, broken => 1);
miss('a chunked body without an end', ['Cache-Control: max-age=60'],
     raw => "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
         . "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", broken => 1);
miss('a chunk that is none', ['Cache-Control: max-age=60'],
     raw => "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
         . "Transfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n", broken => 1);
hit('more than its Content-Length', ['Cache-Control: max-age=60'],
    body => 'abcdefghij', length => 5,
    check => sub { is($_[1]->body, 'abcde', 'no more than it said') });
miss('a header too big', ['Cache-Control: max-age=60',
     map { "X-$_: " . 'x' x 100 } 1 .. 10_000], broken => 1);
miss('more fields than are stored',
     ['Cache-Control: max-age=60', map { "X-$_: $_" } 1 .. 400]);
hit('nearly as many', ['Cache-Control: max-age=60',
    map { "X-$_: $_" } 1 .. 200],
    check => sub { is($_[1]->header('X-200'), 200, 'the last of them') });
miss('a Vary on very many', ['Cache-Control: max-age=60',
     'Vary: ' . join ',', map { "X-$_" } 1 .. 100]);
hit('dates from beyond', ['Cache-Control: max-age=60',
    'Date: Fri, 31 Dec 9999 23:59:59 GMT', 'Expires: 99999999999',
    'Last-Modified: Sat, 01 Jan 0000 00:00:00 GMT']);
hit('an ETag that is none', ['Cache-Control: max-age=60', 'ETag: a"b'],
    second => ['If-None-Match' => 'a"b'],
    check => sub { is($_[1]->status, 200, 'matches nothing') });
miss('an interim answer', [],
     raw => "HTTP/1.1 103 Early Hints\r\nCache-Control: max-age=60\r\n"
         . "Content-Length: 2\r\n\r\nab", broken => 1);


$nginx->start;

$origin = Ferrokv::Origin->new($nginx->port(1));

$origin->answer('/', sub {
    my ($request, $n) = @_;

    if (my $say = $request->{headers}{'x-say'}) {
        return { headers => [split /: /, $say, 2] };
    }

    my ($id) = $request->{uri} =~ m{/(\d+)(?:\?|$)};
    my $case = $cases[$id];
    my %answer = %$case;

    %answer = (%answer, %{ $case->{then} })
        if $n > 1 && $case->{then}
           && (($case->{then}{status} // 200) != 304
               || asks_about($request, @{ $case->{headers} }));
    $answer{body} //= "$id.$n";
    $answer{headers} = [map { /^([^:]+):\s*(.*)$/ ? ($1, dates($2)) : () }
                        @{ $answer{headers} }];

    return \%answer;
});

run(grep { !$_->{after} } @cases);
run(grep { $_->{after} } @cases);

$nginx->finish;
done_testing();


# All first requests, then all second ones: the time between them is shared.
sub run {
    my (@some) = @_;
    my ($after) = sort { $b <=> $a } map { $_->{after} // 0 } @some;

    $_->{answers} = [request($_, 'first')] for @some;
    sleep $after;
    push @{ $_->{answers} }, request($_, 'second') for @some;

    judge($_) for @some;
}


sub request {
    my ($case, $which) = @_;
    my $method = $which eq 'first' ? $case->{method} // 'GET' : 'GET';

    return $http->request($method, target($case),
        $method eq 'GET' ? undef : '', @{ $case->{$which} // [] });
}


sub target {
    my ($case) = @_;

    return '/' . ($case->{in} // 'plain') . "/$case->{id}"
        . ($case->{query} // '');
}


sub judge {
    my ($case) = @_;
    my ($first, $second) = @{ $case->{answers} };

    subtest $case->{name} => sub {
        my $asks = $case->{asks} // ($case->{expected} eq 'hit' ? 1 : 2);

        like($origin->asked(target($case)), ref $asks ? $asks : qr/^$asks$/,
             $case->{expected});

        if (!$case->{broken}) {
            ok($_->status, 'answered') or diag($_->error)
                for $first, $second;
        }

        if ($case->{expected} eq 'hit' && !$case->{check}) {
            is($second->status, $first->status, 'the same status');
            is($second->body, $first->body, 'the same body');
        }

        $case->{check}->($first, $second, sub {
            return $http->get(target($case), @_);
        }, $case) if $case->{check};
    } or diag(map { ($_->status, ' ', $_->{line} // '', ' ',
                     explain $_->{headers}) } $first, $second);
}


# Whether a request has conditions that these headers of an answer meet.
sub asks_about {
    my ($request, @headers) = @_;
    my ($etag) = map { /^ETag: (.*)/ } @headers;
    my $has = $request->{headers};

    return $has->{'if-none-match'} eq $etag
        if defined $etag && defined $has->{'if-none-match'};

    return defined $has->{'if-modified-since'};
}


# {+60} in a value is the date a minute from now, {+60:FORM} in another form.
sub dates {
    my ($value) = @_;

    return $value =~ s<\{([+-]?\d+)(?::([^}]+))?\}>{date($1, $2 // 'GMT')}ger;
}


sub date {
    my ($offset, $form) = @_;
    my $time = int(time) + $offset;
    my ($s, $m, $h, $day, $month, $year, $weekday) = gmtime $time;
    my @long = qw(Sunday Monday Tuesday Wednesday Thursday Friday Saturday);
    my @months = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
    my $brief = substr $long[$weekday], 0, 3;
    my $clock = sprintf '%02d:%02d:%02d', $h, $m, $s;

    return $time if $form eq 'unix';

    return sprintf '%s, %02d-%s-%02d %s GMT', $long[$weekday], $day,
        $months[$month], $year % 100, $clock if $form eq '850';

    return sprintf '%s %s %2d %s %d', $brief, $months[$month], $day, $clock,
        $year + 1900 if $form eq 'asctime';

    return sprintf '%s, %02d %s %d %s %s', $brief, $day, $months[$month],
        $year + 1900, $clock, $form;
}


sub date_of {
    my ($text) = @_;
    my %month;

    @month{qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)} = 0 .. 11;

    my ($day, $name, $year, $h, $m, $s)
        = ($text // '') =~ /^\w+, (\d+) (\w+) (\d+) (\d+):(\d+):(\d+) GMT$/
        or return 0;

    require Time::Local;
    return Time::Local::timegm($s, $m, $h, $day, $month{$name}, $year);
}

# ferrokv_commands: Upstash's format over HTTP, one command, pipelines,
# transactions, GET; who may ask; what bad requests are told.

use strict;
use warnings;

use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
ferrokv_store two path=%%DIR%%/two memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        large_client_header_buffers 4 64k;

        location /redis { ferrokv_commands store=main write=on admin=on; }
        location /slash/ { ferrokv_commands store=main write=on; }
        location /two { ferrokv_commands store=two write=on; }
        location /read { ferrokv_commands store=main; }
        location /token { ferrokv_commands store=main write=on
                                           token=%%DIR%%/tokens; }
        location /small { ferrokv_commands store=main write=on;
                          client_max_body_size 1k; }
        location /if { ferrokv_commands store=main write=on;
                       client_max_body_size 1k;
                       if ($arg_x) { add_header X-If 1; } }
        location /kv/ { ferrokv_rest store=main write=on; }
    }
}
CONF

$nginx->write_file(tokens => "first-token\n\n  second  \r\n");
$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);
my $json = JSON::PP->new->canonical->allow_nonref;


sub post {
    my ($path, $what, @headers) = @_;

    return $http->post($path, ref $what ? encode_json($what) : $what,
                       'Content-Type' => 'application/json', @headers);
}


# A command, or several, and what comes back: status and body.
sub says {
    my ($path, $what, $status, $expected, $name) = @_;
    my $r = post($path, $what);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($r->status . ' ' . $r->body, "$status " . $json->encode($expected)
        . "\n", $name // encode_json($what));
}


sub refused {
    my ($r, $status, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($r->status . ' ' . ($r->header('Content-Type') // ''),
       "$status application/json", $name);
    like((eval { $r->json->{error} } // $r->body), $regex, '  in a sentence');
}


subtest 'one command' => sub {
    says('/redis', ['SET', 'k', 'v'], 200, { result => 'OK' });
    says('/redis', ['get', 'k'], 200, { result => 'v' });
    says('/redis/', ['GET', 'k'], 200, { result => 'v' }, 'with a slash');
    says('/slash/', ['GET', 'k'], 200, { result => 'v' });
    says('/redis', ['GET', 'none'], 200, { result => undef });
    says('/redis', ['INCRBY', 'n', 41], 200, { result => 41 });
    says('/redis', '["INCRBY","n",1]', 200, { result => 42 }, 'a number');
    says('/redis', '["SET","flag",true]', 200, { result => 'OK' }, 'true');
    says('/redis', ['MGET', 'k', 'none', 'flag'], 200,
         { result => ['v', undef, 'true'] });
    says('/redis', ['SET', 'k', 'w', 'EX', 100, 'GET'], 200,
         { result => 'v' });
    like($http->get('/kv/k')->header('FerroKV-TTL'), qr/^(?:100|99)$/,
         'with its time to live');
    says('/two', ['GET', 'k'], 200, { result => undef }, 'another store');
    is($http->get('/kv/n')->body, '42', 'REST has the same keys');

    my $r = post('/redis', ['GET', 'k']);
    is($r->header('Content-Type'), 'application/json', 'its type');
    is($r->header('X-Content-Type-Options'), 'nosniff', 'it is no page');
};

subtest 'bytes' => sub {
    my $odd = "\x00\x{e9}\"\\\n\x{1F600}";

    says('/redis', ['SET', 'odd', $odd], 200, { result => 'OK' }, 'any text');
    is_deeply(post('/redis', ['GET', 'odd'])->json, { result => $odd },
              'comes back as it was');
    says('/redis', ["SET", "k\x{e9}y", 'x'], 200, { result => 'OK' },
         'a key that is not ASCII');
    is($http->get("/kv/k%C3%A9y")->body, 'x', 'is UTF-8 in the store');

    is(post('/redis', "[\"SET\",\"raw\",\"\xff\xfe\"]")->status, 200,
       'bytes that are no UTF-8');
    is($http->get('/kv/raw')->body, "\xff\xfe", 'are stored as they are');
};

subtest 'base64' => sub {
    my @encoding = ('Upstash-Encoding' => 'base64');
    my $b64 = sub { encode_base64($_[0], '') };

    is(post('/redis', ['SET', 'b', 'bytes'], @encoding)->body,
       "{\"result\":\"OK\"}\n", 'OK stays OK');
    is_deeply(post('/redis', ['GET', 'b'], @encoding)->json,
              { result => $b64->('bytes') }, 'a string');
    is_deeply(post('/redis', ['GET', 'raw'], @encoding)->json,
              { result => $b64->("\xff\xfe") }, 'any bytes');
    is_deeply(post('/redis', ['MGET', 'b', 'none'], @encoding)->json,
              { result => [$b64->('bytes'), undef] }, 'in an array');
    is_deeply(post('/redis', ['PING'], @encoding)->json,
              { result => $b64->('PONG') }, 'a status');
    is_deeply(post('/redis', ['STRLEN', 'b'], @encoding)->json,
              { result => 5 }, 'a number stays one');
    is_deeply(post('/redis/pipeline', [['GET', 'b'], ['SET', 'b', 1]],
                   @encoding)->json,
              [{ result => $b64->('bytes') }, { result => 'OK' }],
              'in a pipeline');
    like(post('/redis', ['NOPE'], @encoding)->json->{error},
         qr/^ERR unknown command/, 'an error is text');
};

subtest 'pipeline' => sub {
    says('/redis/pipeline', [['SET', 'p', 1], ['INCR', 'p'], ['GET', 'p']],
         200, [{ result => 'OK' }, { result => 2 }, { result => '2' }]);
    says('/redis/pipeline', '[]', 200, [], 'nothing');

    my $r = post('/redis/pipeline',
        [['SET', 'p', 'x'], ['INCR', 'p'], ['NOPE'], ['GET'], ['GET', 'p']]);
    is($r->status, 200, 'errors are answers of a pipeline');
    is_deeply([map { $_->{error} ? $_->{error} =~ /^(ERR [a-z]+ \w+)/ : $_ }
               @{ $r->json }],
        [{ result => 'OK' }, 'ERR value is', 'ERR unknown command',
         'ERR wrong number', { result => 'x' }], 'each for itself');

    my $n = 5000;
    $r = post('/redis/pipeline', [map { ['INCR', 'many'] } 1 .. $n]);
    is_deeply([map { $_->{result} } @{ $r->json }], [1 .. $n],
              "$n commands, in order, each sees the one before");

    $r = post('/redis/pipeline',
        [map { (['SET', "k$_", $_], ['GET', "k$_"]) } 1 .. 1000]);
    is_deeply([map { $_->{result} } @{ $r->json }],
              [map { ('OK', "$_") } 1 .. 1000], 'reads see the writes');
};

subtest 'an answer that would be too large' => sub {
    post('/redis', ['SET', 'mega', 'm' x 500_000]);

    my $body = post('/redis/pipeline',
        [(map { ['GET', 'mega'] } 1 .. 200), ['SET', 'after', 1]])->body;
    my $got = () = $body =~ /"result":"m/g;
    my $not = () = $body =~ /"error":"ERR not run: /g;

    is($got + $not, 201, 'has a member for each command');
    cmp_ok($got, '>=', 134, 'what fits is there');
    cmp_ok($got, '<', 200, 'and no more');
    says('/redis', ['STRLEN', 'after'], 200, { result => 0 }, 'and have not');

    refused(post('/redis', ['MGET', ('mega') x 150]), 400,
        qr/^ERR it would take more memory than one command may/, 'of one, too');
};

subtest 'transaction' => sub {
    says('/redis/multi-exec', [['SET', 't', 5], ['INCR', 't'], ['GET', 't']],
         200, [{ result => 'OK' }, { result => 6 }, { result => '6' }]);
    says('/redis/multi-exec', '[]', 200, [], 'nothing');

    my $r = post('/redis/multi-exec',
        [['SET', 't', 'x'], ['INCR', 't'], ['SET', 'u', 1]]);
    is($r->status, 200, 'an error inside');
    is_deeply([map { $_->{error} // $_->{result} } @{ $r->json }],
        ['OK', 'ERR value is not an integer or out of range', 'OK'],
        'stops nothing');

    refused(post('/redis/multi-exec', [['SET', 't', 'y'], ['NOPE']]), 400,
        qr/^EXECABORT Transaction discarded because of: ERR unknown command/,
        'a command that cannot run');
    refused(post('/redis/multi-exec', [['SET', 't', 'y'], ['GET']]), 400,
        qr/^EXECABORT .*wrong number of arguments/, 'nor with such arguments');
    says('/redis', ['GET', 't'], 200, { result => 'x' }, 'stops them all');
};

subtest 'GET' => sub {
    post('/redis', ['SET', 'a/b c?', 'found']);
    post('/redis', ['SET', 'x//y', 'twice']);

    is_deeply($http->get('/redis/get/k')->json, { result => 'w' }, 'a key');
    is_deeply($http->get('/redis/GET/a%2Fb%20c%3f')->json,
              { result => 'found' }, 'decoded between slashes');
    is_deeply($http->get('/redis/get/x%2F%2fy')->json,
              { result => 'twice' }, 'slashes are not merged');
    is_deeply($http->get('/slash/mget/k/none')->json,
              { result => ['w', undef] }, 'more arguments');
    is_deeply($http->get('/redis/get/')->json, { result => undef },
              'an empty key is none');
    is($http->head('/redis/get/k')->status, 200, 'HEAD');

    for my $write ('set/k/v', 'del/k', 'getdel/k', 'flushall',
                   'config/set/maxmemory/1') {
        my $r = $http->get("/redis/$write");
        refused($r, 405, qr/^ERR GET is for commands that only read/,
                "no $write by GET");
        is($r->header('Allow'), 'POST', '  but by POST');
    }

    refused($http->get('/redis'), 400, qr/names no command/, 'no command');
    refused($http->get('/redis/pipeline'), 405, qr/JSON array/, 'pipeline');
    refused($http->get('/redis/get/k?x=1'), 400, qr/not behind/, 'a query');
    refused($http->get('/redis/nope/k'), 400, qr/^ERR unknown command 'nope'/,
            'an unknown one');
    refused($http->get('/redisx'), 400, qr/path/, 'another path');
};

subtest 'who may' => sub {
    my @wrong = ([], ['Bearer'], ['Bearer '], ['Bearer first-toke'],
                 ['Bearer first-tokens'], ['Bearer xxxxx-xxxxx'],
                 ['Basic first-token'], ['first-token']);

    for my $with (@wrong) {
        my $r = post('/token', ['STRLEN', 'none'],
            map { (Authorization => $_) } @$with);
        refused($r, 401, qr/^ERR unauthorized/, "with '@$with'");
        is($r->header('WWW-Authenticate'), 'Bearer', '  and how');
    }

    for my $token ('first-token', 'second') {
        is($http->post('/token', '["STRLEN","none"]',
                       Authorization => "bearer $token")->body,
           "{\"result\":0}\n", "with $token, whatever the type");
    }

    refused($http->get('/token/get/k'), 401, qr/unauthorized/, 'GET, too');

    refused($http->post('/redis', '["STRLEN","none"]'), 415, qr/Content-Type/,
            'what a foreign page may send');
    refused($http->post('/redis', '["STRLEN","none"]', 'Content-Type' => 'text/plain'),
            415, qr/Content-Type/, 'or this');
    is(post('/redis', ['STRLEN', 'none'], 'Content-Type' => 'text/plain')->status, 200,
       'JSON may');

    says('/read', ['GET', 'k'], 200, { result => 'w' }, 'reading');
    refused(post('/read', ['SET', 'k', 'v']), 400, qr/^READONLY /,
            'writing needs write=on');
    refused(post('/slash/', ['FLUSHALL']), 400, qr/^NOPERM .*admin=on/,
            'admin needs admin=on');
    refused(post('/redis', ['CLIENT', 'ID']), 400, qr/^ERR .*connection/,
            'there is no connection');
    says('/redis', ['FLUSHDB'], 200, { result => 'OK' });
};

subtest 'malformed' => sub {
    my @wrong = (
        ['', qr/before byte 0: expected an array/],
        ['{"a":1}', qr/expected an array/],
        ['["GET"', qr/before byte 6: expected , or \]/],
        ['["GET",null]', qr/an argument is a string/],
        ['[["GET","k"]]', qr/an argument is a string/],
        ['[]', qr/needs a name/],
        ['["GET","k"] x', qr/something follows/],
        ['["GET","\ud800"]', qr/surrogate/],
    );

    refused(post('/redis', $_->[0]), 400, $_->[1], "'$_->[0]'") for @wrong;
    refused(post('/redis/pipeline', '["GET","k"]'), 400,
            qr/a command is an array/, 'a pipeline of strings');
    refused(post('/redis/nothing', ['STRLEN', 'none']), 404, qr/multi-exec/,
            'another path');

    for my $method (qw(PUT DELETE PATCH OPTIONS)) {
        my $r = $http->request($method, '/redis', '["STRLEN","none"]');
        refused($r, 405, qr/by POST/, $method);
        is($r->header('Allow'), 'GET, HEAD, POST', '  says what is');
    }

    is(post('/redis', ['STRLEN', 'none'])->status, 200, 'the connection goes on');
};

subtest 'bodies' => sub {
    refused(post('/small', ['SET', 's', 'x' x 2000]), 413, qr/larger than 1024/,
            'client_max_body_size');
    refused(post('/if?x=1', ['SET', 's', 'x' x 2000]), 413, qr/1024/,
            'in an if block');
    is(post('/small', ['SET', 's', 'x' x 900])->status, 200, 'below it');

    my $chunked = Ferrokv::Http->new($nginx->port);
    my $body = encode_json(['SET', 'c', 'y' x 3000]);
    my $head = "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
        . "\r\nTransfer-Encoding: chunked\r\n\r\n";
    my $chunks = join '', (map { sprintf "%x\r\n%s\r\n", length, $_ }
        $body =~ /(.{1,500})/g), "0\r\n\r\n";

    is($chunked->send(sprintf($head, 'redis') . $chunks)->body,
       "{\"result\":\"OK\"}\n", 'in chunks');
    refused($chunked->send(sprintf($head, 'small') . $chunks), 413, qr/1024/,
            'too many of them');

    my $large = post('/redis', ['SET', 'l', 'z' x 800_000]);
    is($large->status, 200, 'a large one');
    is(length post('/redis', ['GET', 'l'])->json->{result}, 800_000, 'is there');
};

# Commands have no client here, as in ferrokv_call.
subtest 'every command' => sub {
    my @workers = $nginx->workers;
    my %size;           # name, or "name|sub", and its arguments at least

    for my $info (@{ post('/redis', ['COMMAND'])->json->{result} }) {
        my ($name, $arity, $subs) = @$info[0, 1, 9];

        $size{$name} = abs $arity;
        $size{$_->[0]} = abs $_->[1] for @{ $subs // [] };
    }

    cmp_ok(scalar keys %size, '>', 100, 'are there');

    for my $name (sort keys %size) {
        my @words = split /\|/, $name;

        for my $more (0 .. 2) {
            my @args = ('1') x ($size{$name} + $more - @words);
            my $r = post('/redis', [@words, @args]);

            ok($r->status =~ /^(?:200|400)$/, "@words @args")
                or diag $r->status, ' ', $r->error // $r->body;
        }
    }

    is("@{[ $nginx->workers ]}", "@workers", 'by the same workers');
    post('/redis', ['FLUSHALL']);
};

subtest 'clients that leave' => sub {
    my @workers = $nginx->workers;
    my $body = encode_json([map { ['INCR', 'left'] } 1 .. 3000]);
    my $head = "POST /redis/%s HTTP/1.1\r\nHost: a\r\nContent-Type: application"
        . "/json\r\nContent-Length: " . length($body) . "\r\n\r\n";

    for my $i (1 .. 20) {
        my $gone = Ferrokv::Http->new($nginx->port)->connect;

        $gone->write(sprintf($head, $i % 2 ? 'pipeline' : 'multi-exec') . $body);
        $gone->close;
    }

    # 10 pipelines, 10 transactions: what has come as a whole is done as such
    ok($nginx->wait_until(sub {
        post('/redis', ['GET', 'left'])->json->{result} == 60_000;
    }, 30), 'all that they sent is done');
    is("@{[ $nginx->workers ]}", "@workers", 'by the same workers');
};

subtest 'a worker that leaves ends what it has begun' => sub {
    my $client = Ferrokv::Http->new($nginx->port, timeout => 30)->connect;
    my $body = encode_json([map { ['GET', 'left'] } 1 .. 30_000]);

    $client->write("POST /redis/pipeline HTTP/1.1\r\nHost: a\r\nContent-Type: "
        . "application/json\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body");
    ok($nginx->reload, 'reload');

    my $answer = $client->read_answer->body;
    is(scalar(() = $answer =~ /"result":"60000"/g), 30_000, 'whole');
};

$nginx->finish;
done_testing();

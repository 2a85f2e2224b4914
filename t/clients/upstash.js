// @upstash/redis: Redis over HTTP, with a token.

const assert = require('node:assert');
const { Redis } = require('@upstash/redis');

async function use(url, token, options) {
    const redis = new Redis({ url, token, retry: false, ...options });

    assert.equal(await redis.set('up:a', 'A', { ex: 100 }), 'OK');
    assert.equal(await redis.get('up:a'), 'A');
    assert.equal(await redis.get('up:none'), null);
    assert.equal(await redis.ttl('up:a'), 100);
    assert.equal(await redis.set('up:a', 'B', { nx: true }), null);

    const object = { name: 'Zoë', tags: ['x', 1, null], deep: { yes: true } };
    assert.equal(await redis.set('up:object', object), 'OK');
    assert.deepEqual(await redis.get('up:object'), object);

    for (const value of ['OK', '', 'a\0b\n"\\', '\u{1F600}', 0.1, 1e21, true]) {
        await redis.set('up:value', value);
        assert.deepEqual(await redis.get('up:value'), value);
    }

    await redis.del('up:n');
    assert.equal(await redis.incrby('up:n', 41), 41);
    assert.equal(await redis.incrbyfloat('up:n', 1.5), 42.5);
    assert.equal(await redis.mset({ 'up:x': 1, 'up:y': 'two' }), 'OK');
    assert.deepEqual(await redis.mget('up:x', 'up:none', 'up:y'),
                     [1, null, 'two']);
    assert.equal(await redis.exists('up:x', 'up:none'), 1);
    assert.equal(await redis.getrange('up:y', 1, 2), 'wo');
    assert.equal(await redis.ping(), 'PONG');
    assert.equal(await redis.echo('hello'), 'hello');

    await assert.rejects(redis.incr('up:a'),
                         /ERR value is not an integer or out of range/);

    const pipeline = redis.pipeline();
    pipeline.set('up:p', 1).incr('up:p').get('up:p');
    assert.deepEqual(await pipeline.exec(), ['OK', 2, 2]);

    const multi = redis.multi();
    multi.set('up:m', 1).incr('up:m');
    assert.deepEqual(await multi.exec(), ['OK', 2]);

    const together = await Promise.all(
        [...Array(200).keys()].map((i) => redis.set(`up:many:${i}`, i)));
    assert.ok(together.every((answer) => answer === 'OK'));

    const found = new Set();
    let cursor = '0';
    do {
        const [next, keys] = await redis.scan(cursor,
                                              { match: 'up:many:*', count: 50 });
        keys.forEach((key) => found.add(key));
        cursor = next;
    } while (cursor !== '0');
    assert.equal(found.size, 200);
    assert.equal(await redis.del(...found), 200);
}

async function main(url, token) {
    await use(url, token, {});
    await use(url, token, { enableAutoPipelining: false });
    await use(url, token, { responseEncoding: false });

    const stranger = new Redis({ url, token: 'wrong', retry: false });
    await assert.rejects(stranger.get('up:a'), /unauthorized/);
}

main(process.argv[2], process.argv[3]);

// ioredis: its ready check, replies, pipelines, transactions, streams of keys.

const assert = require('node:assert');
const Redis = require('ioredis');

async function main(port) {
    const redis = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 1 });
    redis.on('error', (error) => { throw error; });

    assert.equal(await redis.set('io:a', 'A', 'EX', 100), 'OK');
    assert.equal(await redis.get('io:a'), 'A');
    assert.equal(await redis.get('io:none'), null);
    assert.equal(await redis.ttl('io:a'), 100);
    assert.equal(await redis.incrby('io:n', 41), 41);
    assert.equal(await redis.incrbyfloat('io:f', 1.5), '1.5');
    assert.deepEqual(await redis.mget('io:a', 'io:none', 'io:n'),
                     ['A', null, '41']);

    const bytes = Buffer.from([0, 255, 13, 10]);
    await redis.set('io:bytes', bytes);
    assert.deepEqual(await redis.getBuffer('io:bytes'), bytes);

    await assert.rejects(redis.incr('io:a'),
        { message: 'ERR value is not an integer or out of range' });
    await assert.rejects(redis.call('NOPE'), /ERR unknown command 'NOPE'/);

    assert.deepEqual(
        await redis.pipeline().set('io:p', 1).incr('io:p').get('io:p').exec(),
        [[null, 'OK'], [null, 2], [null, '2']]);
    assert.deepEqual(
        await redis.multi().set('io:m', 1).incr('io:m').exec(),
        [[null, 'OK'], [null, 2]]);

    const other = redis.duplicate();
    await redis.watch('io:w');
    await other.set('io:w', 'changed');
    assert.equal(await redis.multi().set('io:w', 'mine').exec(), null);
    other.disconnect();

    const many = redis.pipeline();
    for (let i = 0; i < 500; i++) {
        many.set(`io:scan:${i}`, i);
    }
    await many.exec();

    const keys = new Set();
    for await (const page of redis.scanStream({ match: 'io:scan:*',
                                                count: 50 })) {
        page.forEach((key) => keys.add(key));
    }
    assert.equal(keys.size, 500);
    assert.equal(await redis.del(...keys), 500);

    const db3 = new Redis({ port, db: 3 });
    assert.equal(await db3.get('io:a'), null);
    await db3.quit();

    const auto = new Redis(port, { enableAutoPipelining: true });
    const answers = await Promise.all(
        [...Array(100).keys()].map((i) => auto.incr('io:auto')));
    assert.deepEqual(answers, [...Array(100).keys()].map((i) => i + 1));
    await auto.quit();

    assert.equal(await redis.quit(), 'OK');
}

main(Number(process.argv[2]));

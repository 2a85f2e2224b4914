"""redis-py: replies, pipelines, transactions with WATCH, iteration."""

import sys

import redis


def main(port):
    r = redis.Redis(port=port, decode_responses=True)

    assert r.ping()
    assert r.set('py:a', 'A', ex=100)
    assert r.get('py:a') == 'A'
    assert r.get('py:none') is None
    assert r.ttl('py:a') == 100
    assert r.set('py:a', 'B', nx=True) is None
    assert r.set('py:a', 'B', get=True, keepttl=True) == 'A'
    assert r.getex('py:a', persist=True) == 'B'
    assert r.ttl('py:a') == -1
    assert r.incrby('py:n', 41) == 41
    assert r.incrbyfloat('py:n', 1.5) == 42.5
    assert r.mset({'py:x': '1', 'py:y': '2'})
    assert r.mget('py:x', 'py:none', 'py:y') == ['1', None, '2']
    assert not r.msetnx({'py:x': '3', 'py:z': '3'})
    assert r.append('py:x', '23') == 3
    assert r.setrange('py:pad', 3, 'x') == 4
    assert r.get('py:pad') == '\0\0\0x'
    assert r.getrange('py:x', 0, 1) == '12'
    assert r.setbit('py:bits', 7, 1) == 0
    assert r.bitcount('py:bits') == 1
    assert r.bitfield('py:field').incrby('u8', 0, 200).execute() == [200]
    assert r.expire('py:x', 100) and r.persist('py:x')
    assert r.rename('py:x', 'py:renamed') and r.exists('py:renamed') == 1
    assert r.type('py:renamed') == 'string'

    raw = redis.Redis(port=port)
    assert raw.set(b'py:\xff\x00', b'\x00\xff\r\n')
    assert raw.get(b'py:\xff\x00') == b'\x00\xff\r\n'
    dumped = raw.dump('py:y')
    assert raw.restore('py:restored', 0, dumped)
    assert raw.get('py:restored') == b'2'

    try:
        r.incr('py:pad')
    except redis.ResponseError as error:
        assert str(error) == 'value is not an integer or out of range'
    else:
        raise AssertionError('no error')

    pipe = r.pipeline(transaction=False)
    pipe.set('py:p', 1).incr('py:p').get('py:p')
    assert pipe.execute() == [True, 2, '2']

    def double(p):
        n = int(p.get('py:p'))
        p.multi()
        p.set('py:p', n * 2)

    assert r.transaction(double, 'py:p') == [True]
    assert r.get('py:p') == '4'

    with r.pipeline() as p:
        p.watch('py:p')
        r.set('py:p', 'changed')
        p.multi()
        p.set('py:p', 'mine')
        try:
            p.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError('no WatchError')

    for i in range(300):
        pipe.set('py:scan:%d' % i, i)
    pipe.execute()
    found = set(r.scan_iter(match='py:scan:*', count=50))
    assert len(found) == 300
    assert r.unlink(*found) == 300

    assert r.info('server')['redis_version']
    assert r.client_setname('a_name') and r.client_getname() == 'a_name'
    assert any(c['name'] == 'a_name' for c in r.client_list())
    assert r.time()[0] > 1700000000
    assert r.dbsize() > 0

    three = redis.Redis(port=port, db=3)
    assert three.get('py:p') is None


main(int(sys.argv[1]))

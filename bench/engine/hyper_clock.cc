/*
 * hyper_clock.cc - RocksDB's HyperClockCache, which its C API does not offer.
 *
 * The struct is opaque in rocksdb/c.h; this is how RocksDB's c.cc defines it.
 */

#include <rocksdb/c.h>
#include <rocksdb/cache.h>

struct rocksdb_cache_t {
    std::shared_ptr<rocksdb::Cache>  rep;
};


extern "C" rocksdb_cache_t *
bench_hyper_clock(size_t bytes, size_t block_bytes)
{
    rocksdb::HyperClockCacheOptions  options(bytes, block_bytes);

    return new rocksdb_cache_t { options.MakeSharedCache() };
}

/*
 * rocksdb_filter.cc - RocksDB's filter without a database around it.
 *
 * The two classes are opaque in rocksdb/filter_policy.h since 7.0; these are
 * the first virtual functions of theirs, in the order of 7.8.
 */

#include "rocksdb_filter.h"

#include <rocksdb/filter_policy.h>
#include <rocksdb/slice.h>
#include <rocksdb/table.h>

#include <memory>

namespace rocksdb {

class FilterBitsBuilder {
public:
    virtual ~FilterBitsBuilder() {}
    virtual void AddKey(const Slice &key) = 0;
    virtual size_t EstimateEntriesAdded() = 0;
    virtual Slice Finish(std::unique_ptr<const char[]> *bytes) = 0;
};

class FilterBitsReader {
public:
    virtual ~FilterBitsReader() {}
    virtual bool MayMatch(const Slice &key) = 0;
};

}

struct rocksdb_filter_s {
    std::unique_ptr<const rocksdb::FilterPolicy>  policy;
    rocksdb::FilterBitsBuilder                   *builder;
    rocksdb::FilterBitsReader                    *reader;
    std::unique_ptr<const char[]>                 bytes;
};


rocksdb_filter_t *
rocksdb_filter_new(unsigned bits_per_key)
{
    rocksdb::BlockBasedTableOptions  options;
    rocksdb::FilterBuildingContext   context(options);
    rocksdb_filter_t                *filter = new rocksdb_filter_t();

    options.format_version = 5;
    filter->policy.reset(rocksdb::NewBloomFilterPolicy(bits_per_key));
    filter->builder = filter->policy->GetBuilderWithContext(context);

    return filter;
}


void
rocksdb_filter_add(rocksdb_filter_t *filter, const char *key, size_t len)
{
    filter->builder->AddKey(rocksdb::Slice(key, len));
}


size_t
rocksdb_filter_finish(rocksdb_filter_t *filter)
{
    rocksdb::Slice  slice = filter->builder->Finish(&filter->bytes);

    filter->reader = filter->policy->GetFilterBitsReader(slice);

    return slice.size();
}


bool
rocksdb_filter_maybe(rocksdb_filter_t *filter, const char *key, size_t len)
{
    return filter->reader->MayMatch(rocksdb::Slice(key, len));
}


void
rocksdb_filter_free(rocksdb_filter_t *filter)
{
    delete filter->builder;
    delete filter->reader;
    delete filter;
}

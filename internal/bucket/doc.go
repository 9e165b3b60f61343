// Package bucket has what the key-value store and the object store share: a bucket is a stream
// whose name has a prefix.
//
//	kv.Create ───────────┐                 ┌──► names are checked
//	                     ├──► bucket ──────┼──► KV_…, OBJ_… created, found, changed, deleted, listed
//	objectstore.Create ──┘                 └──► errors of the stream become errors about the bucket
//
// It is for those two packages, which export its names as their own.
package bucket

// Package bucket is what the key-value store and the object store have in common: a
// bucket is a stream with a prefix before its name.
//
//	kv.Create ───────────┐                 ┌──► names are checked
//	                     ├──► bucket ──────┼──► KV_…, OBJ_… made, found, changed, removed, listed
//	objectstore.Create ──┘                 └──► what the stream refuses, as an error about the bucket
//
// It is for those two packages, which give its names as their own.
package bucket

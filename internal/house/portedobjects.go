package house

// portedObjects is the object store.
var portedObjects = portedStore{
	files: []string{"object.go", "object_options.go"},
	errors: []string{
		"ErrBadObjectMeta", "ErrBucketExists", "ErrBucketMalformed", "ErrBucketNotFound", "ErrBucketRequired", "ErrCantGetBucket",
		"ErrDigestMismatch", "ErrInvalidDigestFormat", "ErrInvalidStoreName", "ErrLinkNotAllowed", "ErrNameRequired", "ErrNoLinkToDeleted",
		"ErrNoLinkToLink", "ErrNoObjectsFound", "ErrObjectAlreadyExists", "ErrObjectConfigRequired", "ErrObjectNotFound",
		"ErrObjectRequired", "ErrUpdateMetaDeleted",
	},
	names: map[string]string{
		"ObjectStore": "Store", "ObjectStoreConfig": "Config", "ObjectStoreStatus": "Status", "ObjectBucketStatus": "BucketStatus",
		"ObjectMeta": "Meta", "ObjectMetaOptions": "MetaOptions", "ObjectInfo": "Info", "ObjectLink": "Link",
		"ObjectResult": "Result", "ObjectWatcher": "Watcher",
	},
	manager: "ObjectStoreManager",
	calls: map[string]string{
		"ObjectStore": "Open", "CreateObjectStore": "Create", "UpdateObjectStore": "Update", "CreateOrUpdateObjectStore": "CreateOrUpdate",
		"DeleteObjectStore": "Delete", "ObjectStoreNames": "Names", "ObjectStores": "List",
	},
	excused: []excuse{
		{"ObjectStoresLister", "List returns an iterator"},
		{"ObjectStoreNamesLister", "Names returns an iterator"},
		{"ObjectInfo.ObjectMeta", "it is embedded as Meta"},
	},
}

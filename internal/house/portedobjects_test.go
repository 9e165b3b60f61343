package house

import "testing"

// TestObjectStoreHasTheNamesOfNatsGo compares what nats.go has for its object store with the
// package objectstore.
func TestObjectStoreHasTheNamesOfNatsGo(t *testing.T) {
	e, err := readExports(moduleRoot, peerPath+"/jetstream", modulePath+"/objectstore")
	if err != nil {
		t.Fatal(err)
	}
	none(t, checkStore(surfaceOf(t, e, peerPath+"/jetstream"), surfaceOf(t, e, modulePath+"/objectstore"), portedObjects))
}

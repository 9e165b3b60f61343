package natsserver

import (
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

// folders.go - keeps the folders of accounts in a temporary store.
//
//	jetstream/$G/streams/ORDERS   a stream
//	jetstream/$G/streams/kept     nothing, for as long as the server runs

const (
	streamsFolder = "streams"
	keptFolder    = "kept"
)

// keepFolders puts a folder next to the streams of each account. When the last stream of
// an account is deleted, the server removes the folders above it, some time after its
// answer. A stream created at that moment fails, because its store can't be created.
func (s *Server) keepFolders(srv *server.Server) {
	for _, folder := range s.streamFolders(srv) {
		_ = os.MkdirAll(filepath.Join(folder, keptFolder), 0o750) // nearly always not needed
	}
}

// dropFolders undoes keepFolders, so that the next incarnation does not take the folders
// for broken streams.
func (s *Server) dropFolders() {
	if !s.ownsStore {
		return
	}
	kept, _ := filepath.Glob(filepath.Join(s.at.storeDir, server.JetStreamStoreDir, "*", streamsFolder, keptFolder))
	for _, folder := range kept {
		_ = os.Remove(folder)
	}
}

// streamFolders returns where the accounts with JetStream have their streams, if the
// store is temporary.
func (s *Server) streamFolders(srv *server.Server) (folders []string) {
	if !s.ownsStore {
		return nil
	}
	known, err := srv.Jsz(&server.JSzOptions{Accounts: true})
	if err != nil {
		return nil
	}
	for _, account := range known.AccountDetails {
		folders = append(folders, filepath.Join(s.at.storeDir, server.JetStreamStoreDir, account.Id, streamsFolder))
	}
	return folders
}

package api_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// operator signs the accounts and users of a test.
type operator struct {
	t       *testing.T
	key     nkeys.KeyPair
	account nkeys.KeyPair
	claims  *jwt.AccountClaims
}

func publicKey(t *testing.T, key nkeys.KeyPair) string {
	t.Helper()
	return must.Get(key.PublicKey())(t)
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	op := &operator{t: t, key: must.Get(nkeys.CreateOperator())(t), account: must.Get(nkeys.CreateAccount())(t)}
	op.claims = jwt.NewAccountClaims(publicKey(t, op.account))
	return op
}

// options are those of a server that trusts the operator.
func (op *operator) options() natsserver.Options {
	return natsserver.Options{Edit: func(o *server.Options) {
		trusted := jwt.NewOperatorClaims(publicKey(op.t, op.key))
		token := must.Get(trusted.Encode(op.key))(op.t)
		accounts := new(server.MemAccResolver)
		must.Do(op.t, accounts.Store(op.claims.Subject, must.Get(op.claims.Encode(op.key))(op.t)))
		o.TrustedOperators = []*jwt.OperatorClaims{must.Get(jwt.DecodeOperatorClaims(token))(op.t)}
		o.AccountResolver = accounts
	}}
}

// update changes the account while s runs.
func (op *operator) update(s *natsserver.Server, change func(*jwt.AccountClaims)) {
	op.t.Helper()
	change(op.claims)
	account := must.Get(s.Server().LookupAccount(op.claims.Subject))(op.t)
	token := must.Get(op.claims.Encode(op.key))(op.t)
	s.Server().UpdateAccountClaims(account, must.Get(jwt.DecodeAccountClaims(token))(op.t))
}

// user is one user of the account.
type user struct {
	jwt, seed, public string
	key               nkeys.KeyPair
}

// user makes a user; a life of zero has no end.
func (op *operator) user(life time.Duration) user {
	op.t.Helper()
	key := must.Get(nkeys.CreateUser())(op.t)
	claims := jwt.NewUserClaims(publicKey(op.t, key))
	if life != 0 {
		claims.Expires = time.Now().Add(life).Unix()
	}
	return user{jwt: must.Get(claims.Encode(op.account))(op.t), seed: string(must.Get(key.Seed())(op.t)), public: claims.Subject, key: key}
}

// file is the credentials file of the user.
func (u user) file(t *testing.T) []byte {
	t.Helper()
	return must.Get(jwt.FormatUserConfig(u.jwt, []byte(u.seed)))(t)
}

// save writes the credentials file of the user.
func (u user) save(t *testing.T, path string) {
	t.Helper()
	must.Do(t, os.WriteFile(path, u.file(t), 0o600))
}

// saved is the path of a new credentials file.
func (u user) saved(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "user.creds")
	u.save(t, path)
	return path
}

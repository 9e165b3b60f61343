package natsserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Operator signs accounts, which sign users. A server with Options.Operator trusts them
// without knowing them: clients present credentials that can expire and be revoked. Any
// number of servers may share one operator.
//
// A change of an account reaches each running server of the operator before the call
// returns. All methods are safe for concurrent use.
type Operator struct {
	key    nkeys.KeyPair // nil in a process that only serves
	token  string        // the operator's own JWT. Immutable
	system string        // the public key of the system account. Immutable

	systemAccount *SignedAccount // nil in a process that only serves. Immutable

	mu        sync.Mutex
	tokens    map[string]string     // JWTs of the accounts, by public key. Guarded by mu
	followers map[follower]struct{} // Guarded by mu
}

// follower is a server that runs with an operator.
type follower interface {
	// follow applies the JWT of an account.
	follow(account, token string) error
}

// NewOperator creates an operator, with a system account, which servers need for their
// own traffic.
func NewOperator() (*Operator, error) {
	key, public, err := newKey(nkeys.CreateOperator)
	if err != nil {
		return nil, err
	}
	o := &Operator{key: key, tokens: map[string]string{}, followers: map[follower]struct{}{}}
	if o.token, err = jwt.NewOperatorClaims(public).Encode(key); err != nil {
		return nil, fmt.Errorf("natsserver: operator: %w", err)
	}
	system, err := o.Account("SYS")
	if err != nil {
		return nil, err
	}
	o.system, o.systemAccount = system.public, system
	return o, nil
}

// newKey creates a key and also returns its public half.
func newKey(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string, error) {
	key, err := create()
	if err != nil {
		return nil, "", fmt.Errorf("natsserver: key: %w", err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, "", fmt.Errorf("natsserver: key: %w", err)
	}
	return key, public, nil
}

// Account creates an account of that name, without limits and without JetStream.
func (o *Operator) Account(name string) (*SignedAccount, error) {
	key, public, err := newKey(nkeys.CreateAccount)
	if err != nil {
		return nil, err
	}
	a := &SignedAccount{operator: o, key: key, public: public, claims: jwt.NewAccountClaims(public)}
	a.claims.Name = name
	return a, a.Edit(func(*jwt.AccountClaims) {})
}

// publish sends the JWT of an account to all followers.
func (o *Operator) publish(account, token string) error {
	o.mu.Lock()
	o.tokens[account] = token
	all := slices.Collect(maps.Keys(o.followers))
	o.mu.Unlock()
	var err error
	for _, f := range all {
		err = errors.Join(err, f.follow(account, token))
	}
	return err
}

// attach registers a server for changes; nothing happens for a server without an
// operator.
func (o *Operator) attach(f follower) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.followers[f] = struct{}{}
}

func (o *Operator) detach(f follower) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.followers, f)
}

// trusted makes a server trust the operator and find its accounts in resolver.
func (o *Operator) trusted(so *server.Options, resolver *server.MemAccResolver) error {
	if o == nil {
		return nil
	}
	claims, err := jwt.DecodeOperatorClaims(o.token)
	if err != nil {
		return fmt.Errorf("natsserver: operator: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for account, token := range o.tokens {
		if err := resolver.Store(account, token); err != nil {
			return fmt.Errorf("natsserver: account %s: %w", account, err)
		}
	}
	so.TrustedOperators = []*jwt.OperatorClaims{claims}
	so.AccountResolver = resolver
	so.SystemAccount = o.system
	return nil
}

// operatorForm is the operator in a server process: it has no private key.
type operatorForm struct {
	Token, System string
	Accounts      map[string]string
}

// MarshalJSON returns what a server needs to know: signed tokens, and no private key.
func (o *Operator) MarshalJSON() ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return json.Marshal(operatorForm{Token: o.token, System: o.system, Accounts: o.tokens})
}

// UnmarshalJSON reads what MarshalJSON wrote. The result is enough for a server, but
// cannot sign.
func (o *Operator) UnmarshalJSON(data []byte) error {
	var form operatorForm
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	o.token, o.system, o.tokens = form.Token, form.System, form.Accounts
	o.followers = map[follower]struct{}{}
	return nil
}

// SignedAccount is an account of an Operator. All methods are safe for concurrent use.
type SignedAccount struct {
	operator *Operator
	key      nkeys.KeyPair
	public   string

	mu     sync.Mutex
	claims *jwt.AccountClaims // Guarded by mu
}

// PublicKey returns the key by which servers know the account.
func (a *SignedAccount) PublicKey() string { return a.public }

// Edit changes the account and signs it again: limits, exports, imports, JetStream. If
// the account would be invalid it is not signed and stays unchanged, and the error says
// what is wrong.
func (a *SignedAccount) Edit(edit func(*jwt.AccountClaims)) error {
	token, err := a.sign(edit)
	if err != nil {
		return err
	}
	return a.operator.publish(a.public, token)
}

func (a *SignedAccount) sign(edit func(*jwt.AccountClaims)) (string, error) {
	if a.operator.key == nil {
		return "", errors.New("natsserver: this operator came from another process and cannot sign")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	before, err := json.Marshal(a.claims)
	if err != nil {
		return "", fmt.Errorf("natsserver: account: %w", err)
	}
	edit(a.claims)
	token, err := a.signed()
	if err != nil {
		a.claims = new(jwt.AccountClaims)
		return "", errors.Join(fmt.Errorf("natsserver: account: %w", err), json.Unmarshal(before, a.claims))
	}
	return token, nil
}

// signed returns the JWT of the claims. The caller holds mu.
func (a *SignedAccount) signed() (string, error) {
	var results jwt.ValidationResults
	a.claims.Validate(&results)
	if errs := results.Errors(); len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	return a.claims.Encode(a.operator.key)
}

// User creates a user of the account, without limits unless edits set some; see
// [Expires].
func (a *SignedAccount) User(name string, edits ...func(*jwt.UserClaims)) (*Credentials, error) {
	key, public, err := newKey(nkeys.CreateUser)
	if err != nil {
		return nil, err
	}
	seed, err := key.Seed()
	if err != nil {
		return nil, fmt.Errorf("natsserver: key: %w", err)
	}
	claims := jwt.NewUserClaims(public)
	claims.Name = name
	for _, edit := range edits {
		edit(claims)
	}
	token, err := claims.Encode(a.key)
	if err != nil {
		return nil, fmt.Errorf("natsserver: user %s: %w", name, err)
	}
	return &Credentials{Name: name, PublicKey: public, JWT: token, Seed: string(seed)}, nil
}

// Expires is an edit for [SignedAccount.User]: the user's credentials expire after that
// time, in whole seconds from now on.
func Expires(in time.Duration) func(*jwt.UserClaims) {
	return func(c *jwt.UserClaims) { c.Expires = time.Now().Add(in).Unix() }
}

// Revoke revokes the credentials: servers close the user's connections and refuse new
// ones. Other users of the account stay.
func (a *SignedAccount) Revoke(user *Credentials) error {
	return a.Edit(func(c *jwt.AccountClaims) { c.Revoke(user.PublicKey) })
}

// Credentials are what a user presents to connect. They are immutable.
type Credentials struct {
	Name      string
	PublicKey string
	JWT       string // signed by the account
	Seed      string // the private key
}

// String names the user. The private key is not shown.
func (c *Credentials) String() string { return c.Name + " " + c.PublicKey }

// GoString is String, so that %#v does not show the private key either.
func (c *Credentials) GoString() string { return c.String() }

// Text returns the credentials in the form of a credentials file.
func (c *Credentials) Text() string {
	text, err := jwt.FormatUserConfig(c.JWT, []byte(c.Seed))
	if err != nil {
		// Both halves were created here, so this can't fail; clients refuse an empty
		// file.
		return ""
	}
	return string(text)
}

// WriteFile writes a credentials file that only its owner can read.
func (c *Credentials) WriteFile(path string) error {
	if err := os.WriteFile(path, []byte(c.Text()), 0o600); err != nil {
		return fmt.Errorf("natsserver: credentials: %w", err)
	}
	return nil
}

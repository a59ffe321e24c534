package directory

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// hash is a salted, stretched secret.
type hash struct {
	Salt       []byte `json:"salt"`
	Iterations int    `json:"iterations"`
	Sum        []byte `json:"sum"`
}

// Passwords may be chosen by people and are stretched; secrets are 256 random
// bits from here, for which one pass is as good as many.
const (
	passwordIterations = 100_000
	secretIterations   = 1
)

func newHash(secret string, iterations int) (hash, error) {
	h := hash{Salt: make([]byte, 16), Iterations: iterations}
	_, _ = rand.Read(h.Salt) // never fails
	sum, err := pbkdf2.Key(sha256.New, secret, h.Salt, iterations, sha256.Size)
	if err != nil {
		return hash{}, fmt.Errorf("hashing a secret: %w", err)
	}
	h.Sum = sum
	return h, nil
}

func (h hash) matches(secret string) bool {
	sum, err := pbkdf2.Key(sha256.New, secret, h.Salt, h.Iterations, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(sum, h.Sum) == 1
}

// NewPassword returns a random password of 256 bits that satisfies Entra's
// demand for three kinds of characters.
func NewPassword() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return "Ka1~" + base64.RawURLEncoding.EncodeToString(raw)
}

func (t *Tx) setPassword(id, password string) error {
	h, err := newHash(password, passwordIterations)
	if err != nil {
		return err
	}
	return t.tx.Put(bucketPasswords, id, h)
}

// CheckPassword says whether this is the user's password.
func (t *Tx) CheckPassword(id, password string) (bool, error) {
	var h hash
	found, err := t.tx.Get(bucketPasswords, id, &h)
	if err != nil || !found {
		return false, err
	}
	return h.matches(password), nil
}

// Secret is a client secret of an application or a service principal. Text is
// set only in the answer to its creation: afterwards nobody knows it.
type Secret struct {
	KeyID       string
	DisplayName string
	Hint        string // the first three characters
	Start, End  time.Time
	Text        string
}

type storedSecret struct {
	KeyID       string    `json:"keyId"`
	DisplayName string    `json:"displayName"`
	Hint        string    `json:"hint"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
	Hash        hash      `json:"hash"`
}

// AddSecret makes a client secret for an application or a service principal
// that lasts until end, or two years when end is zero.
func (t *Tx) AddSecret(objectID, displayName string, end time.Time) (Secret, error) {
	o, found, err := t.Object(objectID)
	if err != nil {
		return Secret{}, err
	}
	if !found {
		return Secret{}, notFound(objectID)
	}
	if o.Type == TypeAgentIdentity {
		return Secret{}, &Error{
			Kind: ErrInvalid, Code: "AgentIdentity_CredentialsNotSupported",
			Message: "Credentials are not supported for agent identities. All credentials must be added to the agent identity blueprint.",
		}
	}
	if end.IsZero() {
		end = t.d.now().AddDate(2, 0, 0)
	}
	text := NewPassword()
	h, err := newHash(text, secretIterations)
	if err != nil {
		return Secret{}, err
	}
	s := storedSecret{
		KeyID: newID(), DisplayName: displayName, Hint: text[:3],
		Start: t.d.now().UTC(), End: end.UTC(), Hash: h,
	}
	if err := t.tx.Put(bucketSecrets, objectID+"/"+s.KeyID, s); err != nil {
		return Secret{}, err
	}
	out := s.public()
	out.Text = text
	return out, nil
}

func (s storedSecret) public() Secret {
	return Secret{KeyID: s.KeyID, DisplayName: s.DisplayName, Hint: s.Hint, Start: s.Start, End: s.End}
}

// Secrets lists an object's client secrets without their text.
func (t *Tx) Secrets(objectID string) ([]Secret, error) {
	var out []Secret
	err := t.eachSecret(objectID, func(s storedSecret) { out = append(out, s.public()) })
	return out, err
}

// RemoveSecret removes a client secret.
func (t *Tx) RemoveSecret(objectID, keyID string) error {
	var s storedSecret
	found, err := t.tx.Get(bucketSecrets, objectID+"/"+keyID, &s)
	if err != nil {
		return err
	}
	if !found {
		return invalid("No password credential found with keyId '" + keyID + "'.")
	}
	return t.tx.Delete(bucketSecrets, objectID+"/"+keyID)
}

// SecretState is what came of comparing a client secret.
type SecretState int

// The outcomes of [Tx.CheckSecret].
const (
	SecretWrong SecretState = iota
	SecretExpired
	SecretRight
)

// CheckSecret compares text with every secret of an object.
func (t *Tx) CheckSecret(objectID, text string) (SecretState, error) {
	state := SecretWrong
	err := t.eachSecret(objectID, func(s storedSecret) {
		if !s.Hash.matches(text) {
			return
		}
		if now := t.d.now(); now.Before(s.Start) || !now.Before(s.End) {
			state = max(state, SecretExpired)
			return
		}
		state = SecretRight
	})
	return state, err
}

func (t *Tx) eachSecret(objectID string, fn func(storedSecret)) error {
	return t.tx.Each(bucketSecrets, objectID+"/", func(_ string, raw json.RawMessage) error {
		var s storedSecret
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		fn(s)
		return nil
	})
}

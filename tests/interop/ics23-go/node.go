package ics23check

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	ics23 "github.com/cosmos/ics23/go"
)

// Node is a CometBFT RPC endpoint.
type Node struct{ URL string }

// Answer is a value (empty: absent) with the proofs from key to store root and from store root to app hash.
type Answer struct {
	Value  []byte
	Height int64
	Store  *ics23.CommitmentProof
	App    *ics23.CommitmentProof
}

var client = http.Client{Timeout: 10 * time.Second}

func (n Node) get(method string, args url.Values, into any) error {
	resp, err := client.Get(n.URL + "/" + method + "?" + args.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var body struct {
		Result json.RawMessage
		Error  *struct{ Message, Data string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return err
	}
	if body.Error != nil {
		return fmt.Errorf("%s: %s: %s", method, body.Error.Message, body.Error.Data)
	}
	return json.Unmarshal(body.Result, into)
}

// Height is the height of the last block.
func (n Node) Height() (int64, error) {
	var status struct {
		SyncInfo struct {
			Height string `json:"latest_block_height"`
		} `json:"sync_info"`
	}
	if err := n.get("status", nil, &status); err != nil {
		return 0, err
	}
	return strconv.ParseInt(status.SyncInfo.Height, 10, 64)
}

// AppHash is the app hash in the header of a height: that of the state after the block before.
func (n Node) AppHash(height int64) ([]byte, error) {
	var answer struct {
		Header struct {
			AppHash string `json:"app_hash"`
		}
	}
	if err := n.get("header", url.Values{"height": {strconv.FormatInt(height, 10)}}, &answer); err != nil {
		return nil, err
	}
	return hex.DecodeString(answer.Header.AppHash)
}

// Prove asks for a key of a store with its proof.
func (n Node) Prove(store string, key []byte, height int64) (*Answer, error) {
	var answer struct {
		Response struct {
			Code     int
			Log      string
			Value    []byte
			Height   string
			ProofOps struct {
				Ops []struct {
					Type string
					Key  string
					Data string
				}
			} `json:"proofOps"`
		}
	}
	args := url.Values{
		"path":   {strconv.Quote("/store/" + store + "/key")},
		"data":   {"0x" + hex.EncodeToString(key)},
		"height": {strconv.Quote(strconv.FormatInt(height, 10))},
		"prove":  {"true"},
	}
	if err := n.get("abci_query", args, &answer); err != nil {
		return nil, err
	}
	r := answer.Response
	if r.Code != 0 {
		return nil, fmt.Errorf("the node refuses with code %d: %s", r.Code, r.Log)
	}
	at, err := strconv.ParseInt(r.Height, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("height %q: %w", r.Height, err)
	}
	if len(r.ProofOps.Ops) != 2 {
		return nil, fmt.Errorf("%d proof operations, not 2", len(r.ProofOps.Ops))
	}
	proofs := [2]*ics23.CommitmentProof{}
	for i, op := range r.ProofOps.Ops {
		data, err := base64.StdEncoding.DecodeString(op.Data)
		if err != nil {
			return nil, err
		}
		proofs[i] = &ics23.CommitmentProof{}
		if err := proofs[i].Unmarshal(data); err != nil {
			return nil, fmt.Errorf("proof operation %d (%s): %w", i, op.Type, err)
		}
	}
	return &Answer{Value: r.Value, Height: at, Store: proofs[0], App: proofs[1]}, nil
}

// Verify checks an answer for a key against an app hash; an empty value stands for absence.
func Verify(appHash []byte, store string, key []byte, a *Answer) error {
	root, err := a.Store.Calculate()
	if err != nil {
		return fmt.Errorf("the store's root: %w", err)
	}
	if !ics23.VerifyMembership(AppSpec, appHash, a.App, []byte(store), root) {
		return fmt.Errorf("the app hash does not hold root %x of store %s", root, store)
	}
	if len(a.Value) == 0 {
		if !ics23.VerifyNonMembership(StoreSpec, root, a.Store, key) {
			return fmt.Errorf("key %x is not proved absent", key)
		}
		return nil
	}
	if !ics23.VerifyMembership(StoreSpec, root, a.Store, key, a.Value) {
		return fmt.Errorf("key %x is not proved to hold %x", key, a.Value)
	}
	return nil
}

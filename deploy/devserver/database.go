package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
)

// openDatabase prepares schema and namespaces. Namespaces that exist stay as
// they are.
func openDatabase(opts options) (*config.SQL, error) {
	database := &config.SQL{PluginName: sqlite.PluginName, ConnectAttributes: map[string]string{}}
	for pragma, value := range opts.sqlitePragmas {
		database.ConnectAttributes[pragma] = value
	}
	if opts.dbFilename == "" {
		database.DatabaseName = strconv.Itoa(rand.Int())
		database.ConnectAttributes["mode"] = "memory"
		database.ConnectAttributes["cache"] = "shared"
	} else {
		database.DatabaseName = opts.dbFilename
		database.ConnectAttributes["mode"] = "rwc"
		if err := createSchema(database); err != nil {
			return nil, err
		}
	}

	namespaces := make([]*sqliteschema.NamespaceConfig, len(opts.namespaces))
	for i, name := range opts.namespaces {
		namespace, err := sqliteschema.NewNamespaceConfig(clusterName, name, false, opts.searchAttributes)
		if err != nil {
			return nil, fmt.Errorf("configure namespace %s: %w", name, err)
		}
		namespaces[i] = namespace
	}
	if err := sqliteschema.CreateNamespaces(database, namespaces...); err != nil {
		return nil, fmt.Errorf("create namespaces in %s: %w", opts.dbFilename, err)
	}
	return database, nil
}

// createSchema builds a new database under another name first: a start that is
// interrupted leaves no half of one behind.
func createSchema(database *config.SQL) error {
	file := database.DatabaseName
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	unfinished := *database
	unfinished.DatabaseName = file + ".unfinished"
	if err := os.Remove(unfinished.DatabaseName); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("create database: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	if err := sqliteschema.SetupSchema(&unfinished); err != nil {
		return fmt.Errorf("create database %s: %w", file, err)
	}
	if err := os.Rename(unfinished.DatabaseName, file); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

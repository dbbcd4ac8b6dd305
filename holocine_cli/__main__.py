from holocine_cli.app import entry

entry()

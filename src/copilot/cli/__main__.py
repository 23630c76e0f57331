from copilot.cli.app import main

main()

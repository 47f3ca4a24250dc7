from parascale.cli import main

main()

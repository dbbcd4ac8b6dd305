"""LoRAs: files enter, changes of a Wan transformer leave, for whole films or single shots."""

"""The models of the zoo, one file per family. A new file here is registered by being here."""

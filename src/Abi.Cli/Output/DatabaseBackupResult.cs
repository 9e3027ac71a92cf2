namespace Abi.Cli.Output;

/// <summary>What a backup did.</summary>
internal sealed record DatabaseBackupResult(string Path, string Backup, bool Incremental, int Files, long Bytes, long Sequence, int DeletedChains);

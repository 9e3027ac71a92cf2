namespace Abi.Database.Records;

/// <summary>Finds out which vectors are those that the store has under their keys, with another text than the store has.</summary>
/// <param name="field">The index of the vector field.</param>
/// <param name="given">The vectors that came with records.</param>
/// <param name="cancellationToken">Cancels.</param>
/// <returns>For each, whether it is outdated.</returns>
public delegate ValueTask<bool[]> OutdatedVectors(int field, IReadOnlyList<GivenVector> given, CancellationToken cancellationToken);

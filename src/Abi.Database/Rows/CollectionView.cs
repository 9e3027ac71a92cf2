namespace Abi.Database.Rows;

/// <summary>What is published of a collection at a commit.</summary>
/// <param name="Sequence">The commit.</param>
/// <param name="Slots">All slots are below this.</param>
/// <param name="Live">The records that are not deleted.</param>
internal sealed record CollectionView(long Sequence, int Slots, int Live);

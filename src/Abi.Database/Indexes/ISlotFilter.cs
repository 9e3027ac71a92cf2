namespace Abi.Database.Indexes;

/// <summary>Says whether a slot counts. A struct, so that loops are compiled for it.</summary>
internal interface ISlotFilter
{
    bool Accepts(int slot);
}

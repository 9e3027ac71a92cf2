using Abi.Compute.Devices;
using Abi.Llm.Cache;
using Abi.Llm.Sessions;

namespace Abi.Llm.Engine;

/// <summary>The state of a sequence, taken out and put back.</summary>
internal sealed partial class Sequence
{
    /// <summary>Copies the tokens and what is computed of them.</summary>
    public SessionSnapshot Snapshot(StateStore store)
    {
        // state that adapters changed would be taken for the model's own
        var cached = Adapters is null ? Cached : 0;
        var groups = cached == 0 ? [] : Enumerable.Range(0, State.Groups).Select(group => Copy(State.Table(group), group, store)).ToArray();
        byte[]? slot = null;
        if (cached > 0 && State.Slot >= 0)
        {
            slot = new byte[store.SlotBytes];
            store.ReadSlot(State.Slot, slot);
        }

        return new SessionSnapshot(Tokens.ToArray(), EncoderTokens, SamplerState, cached, groups, slot);
    }

    /// <summary>Puts a snapshot's state into the pages and slot that are reserved already.</summary>
    public void Load(SessionSnapshot snapshot, StateStore store)
    {
        for (var group = 0; group < snapshot.Groups.Length; group++)
        {
            var pages = snapshot.Groups[group].Pages;
            for (var page = 0; page < pages.Length; page++)
            {
                if (pages[page] is { } bytes)
                {
                    store.WritePage(State.Table(group).Pages[page], bytes);
                }
            }

            State.Advance(group, snapshot.Groups[group].Length);
        }

        if (snapshot.Slot is not null)
        {
            store.WriteSlot(State.Slot, snapshot.Slot);
        }

        Cached = snapshot.Cached;
        _isForeign = true;
        IsEncoded = EncoderTokens.Length > 0;
    }

    private static SessionPages Copy(PageTable table, int group, StateStore store)
    {
        var pages = new byte[]?[StatePool.PagesFor(table.Length)];
        for (var page = 0; page < pages.Length; page++)
        {
            if (table.Pages[page] >= 0)
            {
                pages[page] = new byte[store.PageBytes];
                store.ReadPage(table.Pages[page], group, Math.Min(StateStore.PageLength, table.Length - (page * StateStore.PageLength)), pages[page]);
            }
        }

        return new SessionPages(table.Length, pages);
    }
}

namespace Abi.Compute.Cpu.Threading;

/// <summary>Work that a <see cref="WorkerTeam"/> does, cut into chunks that do not depend on each other.</summary>
public interface ITeamWork
{
    /// <summary>Does one chunk.</summary>
    /// <param name="chunk">Its number, from 0.</param>
    /// <param name="worker">Who does it: 0 the caller, 1 and up the team's threads; no two chunks run with the same number at the same time.</param>
    void Execute(int chunk, int worker);

    /// <summary>
    /// Does a little of what is useful to a thread that has no chunk to do: the caller when it finds none left, and whoever waits, for the others or for the next work. It is asked again and again
    /// until it says that there is no more, or the wait is over; a thread that sleeps is not asked.
    /// </summary>
    /// <param name="worker">Who waits.</param>
    /// <param name="turn">How often it has been asked since it did its last chunk.</param>
    /// <returns>Whether there is more.</returns>
    /// <remarks>It takes well below a microsecond, since the wait's end is looked for between two turns, and throws nothing. Other chunks, and the works after this one, may run meanwhile.</remarks>
    bool WhileWaiting(int worker, int turn) => false;
}

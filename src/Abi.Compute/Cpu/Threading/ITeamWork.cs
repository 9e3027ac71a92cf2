namespace Abi.Compute.Cpu.Threading;

/// <summary>Work that a <see cref="WorkerTeam"/> does, cut into chunks that do not depend on each other.</summary>
public interface ITeamWork
{
    /// <summary>Does one chunk.</summary>
    /// <param name="chunk">Its number, from 0.</param>
    /// <param name="worker">Who does it: 0 the caller, 1 and up the team's threads; no two chunks run with the same number at the same time.</param>
    void Execute(int chunk, int worker);
}

namespace Abi.Compute.Cpu.Threading;

/// <summary>The team, for one caller until it is disposed of: threads spin for a moment between its works instead of going to sleep.</summary>
/// <remarks>For the thread that took it.</remarks>
public readonly struct TeamLease : IDisposable, IEquatable<TeamLease>
{
    private readonly WorkerTeam _team;

    internal TeamLease(WorkerTeam team) => _team = team;

    /// <summary>Does all chunks of a work, the caller among the workers, and returns when the last is done. Allocates nothing.</summary>
    /// <param name="work">The work.</param>
    /// <param name="chunks">How many chunks it has, at most <see cref="WorkerTeam.MaximumChunks"/>.</param>
    /// <exception cref="Exception">What a chunk threw first; the chunks that had not begun are left out.</exception>
    public void Run(ITeamWork work, int chunks) => _team.Run(work, chunks);

    /// <summary>Gives the team back.</summary>
    public void Dispose() => _team?.EndLease();

    /// <inheritdoc/>
    public bool Equals(TeamLease other) => _team == other._team;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is TeamLease other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _team?.GetHashCode() ?? 0;

    /// <summary>Whether both lease the same team.</summary>
    public static bool operator ==(TeamLease left, TeamLease right) => left.Equals(right);

    /// <summary>Whether they lease different teams.</summary>
    public static bool operator !=(TeamLease left, TeamLease right) => !left.Equals(right);
}

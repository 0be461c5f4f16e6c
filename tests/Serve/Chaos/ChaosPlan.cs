namespace Nixl.Sdk.Serve;

/// <summary>What goes wrong.</summary>
internal enum ChaosAction
{
    /// <summary>An engine is killed, and started again under its name.</summary>
    Kill,

    /// <summary>An engine stands still, and goes on.</summary>
    Stop,

    /// <summary>An engine is asked to end, and started again under its name.</summary>
    Restart,

    /// <summary>Some connections between clients and router are cut.</summary>
    CutClients,

    /// <summary>Some connections between router and an engine are cut.</summary>
    CutEngine,

    /// <summary>Some connections of an engine, of one kind, are cut from outside.</summary>
    CutSockets,

    /// <summary>The router is killed, and started again at its address.</summary>
    KillRouter,

    /// <summary>More requests come at once than the router takes.</summary>
    Burst,
}

/// <summary>One thing that goes wrong.</summary>
/// <param name="At">From the start of the plan.</param>
/// <param name="Action">What.</param>
/// <param name="Engine">Whom it meets, by its place in the cluster; -1: no engine.</param>
/// <param name="Lasts">How long an engine, or the router, is away before it goes on or is started again.</param>
internal sealed record ChaosStep(TimeSpan At, ChaosAction Action, int Engine, TimeSpan Lasts)
{
    internal bool IsOutage => Action is ChaosAction.Kill or ChaosAction.Stop or ChaosAction.Restart;
}

/// <summary>What goes wrong and when, the same for the same seed.</summary>
/// <remarks>
/// Often all engines of a kind are away, but never for long: <see cref="LongestDarkness"/> at the most by plan, and then not again before
/// <see cref="LeastLight"/> have passed. Starting takes its time on top of it.
/// </remarks>
internal static class ChaosPlan
{
    internal static readonly TimeSpan LongestDarkness = TimeSpan.FromSeconds(2.5), LeastLight = TimeSpan.FromSeconds(8), Starting = TimeSpan.FromSeconds(3);
    /// <summary>From one kill of the router to the next: engines come back to it within seconds, and something has to be answered in between.</summary>
    internal static readonly TimeSpan RouterLight = TimeSpan.FromSeconds(20);
    private const double LongestOutage = 9, LongestRouterOutage = 2, MeanPause = 0.8;

    // Twice as often what hits engines.
    private static readonly ChaosAction[] Actions =
    [
        ChaosAction.Kill, ChaosAction.Kill, ChaosAction.Stop, ChaosAction.Stop, ChaosAction.Restart, ChaosAction.CutClients, ChaosAction.CutEngine,
        ChaosAction.CutEngine, ChaosAction.CutSockets, ChaosAction.CutSockets, ChaosAction.CutSockets, ChaosAction.KillRouter, ChaosAction.Burst,
    ];

    /// <param name="seed">Decides everything.</param>
    /// <param name="duration">How long.</param>
    /// <param name="roles">Of the engines.</param>
    internal static IReadOnlyList<ChaosStep> Create(int seed, TimeSpan duration, IReadOnlyList<string> roles)
    {
        var random = new Random(seed);
        List<ChaosStep> steps = [];
        var back = new TimeSpan[roles.Count]; // when each engine should be there again
        Dictionary<string, TimeSpan> light = [];
        var routerLight = TimeSpan.Zero;
        for (var at = Pause(random); at < duration; at += Pause(random))
        {
            var action = Actions[random.Next(Actions.Length)];
            var engine = random.Next(roles.Count);
            // The square: most outages are short, and some longer than the router's patience.
            var lasts = TimeSpan.FromSeconds(0.1 + (LongestOutage * Math.Pow(random.NextDouble(), 2)));
            if (action is ChaosAction.CutClients or ChaosAction.Burst) steps.Add(new ChaosStep(at, action, -1, TimeSpan.Zero));
            else if (action == ChaosAction.KillRouter)
            {
                if (at < routerLight) continue;
                routerLight = at + RouterLight;
                steps.Add(new ChaosStep(at, action, -1, lasts / LongestOutage * LongestRouterOutage));
            }
            else if (action is ChaosAction.CutEngine or ChaosAction.CutSockets) steps.Add(new ChaosStep(at, action, engine, TimeSpan.Zero));
            else if (back[engine] <= at) Outage(engine, action, at, lasts);
        }
        return steps;

        void Outage(int engine, ChaosAction action, TimeSpan at, TimeSpan lasts)
        {
            var role = roles[engine];
            var end = at + lasts + (action == ChaosAction.Stop ? TimeSpan.Zero : Starting);
            var othersBack = Enumerable.Range(0, roles.Count).Where(other => other != engine && roles[other] == role).Select(other => back[other]).ToArray();
            if (othersBack.All(other => other > at))
            {
                if (at < light.GetValueOrDefault(role)) return;
                if (lasts > LongestDarkness) (lasts, end) = (LongestDarkness, end - lasts + LongestDarkness);
                light[role] = Later(end, othersBack) + LeastLight;
            }
            back[engine] = end;
            steps.Add(new ChaosStep(at, action, engine, lasts));
        }
    }

    private static TimeSpan Later(TimeSpan end, TimeSpan[] others) => others.Append(end).Max();

    private static TimeSpan Pause(Random random) => TimeSpan.FromSeconds(0.1 + (-Math.Log(1 - random.NextDouble()) * MeanPause));
}

using System.Diagnostics.Metrics;

namespace Nixl.Sdk.Diagnostics;

/// <summary>
/// Makes the meter's instruments, and keeps what listeners throw away from us: one that throws when it hears of an instrument would otherwise
/// break the class that makes it for as long as the process lives, and one that throws at a measurement the work that was measured.
/// </summary>
internal static class Instruments
{
    /// <summary>Null if a listener threw: then nothing is measured with it. Observable ones are there all the same.</summary>
    public static T? Make<T>(Func<Meter, T> make)
        where T : Instrument
    {
        try
        {
            return make(NixlMetrics.Meter);
        }
#pragma warning disable CA1031 // A listener may throw anything.
        catch (Exception)
#pragma warning restore CA1031
        {
            return null;
        }
    }

    /// <summary>Measures; nobody is told what a listener throws, because it is not ours and may come at every measurement.</summary>
    public static void Measure<T>(in T what, Action<T> measure)
    {
        try
        {
            measure(what);
        }
#pragma warning disable CA1031 // A listener may throw anything.
        catch (Exception)
#pragma warning restore CA1031
        {
            // The hand-over goes on.
        }
    }
}

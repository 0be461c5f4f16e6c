using System.Diagnostics.Metrics;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>Reads the meter "Nixl.Sdk" as a collector would.</summary>
internal static class Meters
{
    /// <summary>An observable instrument's values where one tag has a value; the key is the other tags' values, with / between them.</summary>
    public static Dictionary<string, long> Collect(string instrument, string tag, string value)
    {
        var seen = new Dictionary<string, long>();
        using var listener = new MeterListener { InstrumentPublished = (published, l) => { if (published.Meter.Name == "Nixl.Sdk" && published.Name == instrument) l.EnableMeasurementEvents(published); } };
        listener.SetMeasurementEventCallback<long>((_, measured, tags, _) =>
        {
            var (mine, others) = (false, new List<string?>());
            foreach (var (key, of) in tags)
            {
                if (key == tag) mine = value.Equals(of);
                else others.Add(of?.ToString());
            }
            if (mine) seen[string.Join('/', others)] = measured;
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return seen;
    }
}

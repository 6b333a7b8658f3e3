module darkroom/tools/tilt

go 1.26.0

require github.com/tilt-dev/tilt v0.37.6
